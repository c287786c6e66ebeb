/*
 * One HTTP/2 connection: a socket, TLS if wanted, and an nghttp2 session.  It carries one unary
 * gRPC call at a time and stays open between calls.  Nothing here waits: what cannot go on says
 * what it wants to wait for.
 */
#ifndef PCK_HTTP2_H
#define PCK_HTTP2_H

#include "grpc.h"
#include "tls.h"
#include "wire.h"

#include <nghttp2/nghttp2.h>

/* A TLS record's worth. */
#define PCK_IO_BYTES (16 * 1024)

/* One request on its way, and the reply to it. */
struct pck_exchange {
	const char *path;                  /* "/package.Service/Method" */
	const struct pck_body *body;
	struct pck_reply *reply;
	int64_t limit_us;                  /* the server is told of it  */
	uint8_t prefix[PCK_GRPC_PREFIX_BYTES];
	size_t sent;                       /* of prefix and body        */
	int32_t stream_id;                 /* 0: not submitted yet      */
	int ended;                         /* the server said its last  */
	int refused;                       /* the server did not act    */
	uint32_t reset_code;               /* if the stream was reset   */
	int reset;
};

enum pck_conn_state {
	PCK_CONN_CLOSED = 0,
	PCK_CONN_CONNECTING = 1,
	PCK_CONN_SHAKING_HANDS = 2,        /* in TLS                    */
	PCK_CONN_OPEN = 3
};

struct pck_conn {
	const struct pck_address *address;
	enum pck_conn_state state;
	int wanted;                        /* after PCK_AGAIN: PCK_READABLE, PCK_WRITABLE */
	pck_socket socket;
	struct pck_tls_session *tls;       /* NULL: plaintext           */
	nghttp2_session *h2;
	struct pck_exchange *exchange;     /* NULL between calls        */
	int broken;                        /* the peer broke HTTP/2     */
	int64_t used_us;                   /* when the last call ended  */
	const uint8_t *frame;              /* of nghttp2's, not yet in `out` */
	size_t frame_len;
	size_t out_len, out_sent;
	/* Last, because nobody clears them. */
	uint8_t out[PCK_IO_BYTES];
	uint8_t in[PCK_IO_BYTES];
};

/* Makes a closed connection to `address`, which must stay. */
void pck_conn_init(struct pck_conn *conn, const struct pck_address *address);

/*
 * Begins to connect a closed connection; pck_conn_step() goes on.  `tls` may be NULL.  Returns
 * PCK_OK, PCK_E_UNREACHABLE or PCK_E_MEMORY; what failed is closed.
 */
int32_t pck_conn_begin(struct pck_conn *conn, struct pck_tls_context *tls, const char *tls_name,
                       struct pck_error *error);

/* Reads what came in between calls.  Returns 1 if the connection can take another call. */
int pck_conn_usable(struct pck_conn *conn);

/*
 * Goes on with connecting, and then with `conn->exchange`, as far as that goes without waiting;
 * `seen` is what the socket turned out to be ready for.  Returns PCK_AGAIN (wait for
 * `conn->wanted`), PCK_OK when the reply ended (it may say anything), or PCK_E_UNREACHABLE,
 * PCK_E_TLS, PCK_E_BAD_REPLY (the server speaks no HTTP/2), PCK_E_MEMORY, PCK_LOST, PCK_NOT_SENT.
 * With all of those but PCK_AGAIN and PCK_OK the connection is closed.
 */
int32_t pck_conn_step(struct pck_conn *conn, int seen, struct pck_error *error);

/* What a connection that waits has not got: "no answer", for an error text. */
const char *pck_conn_lacks(const struct pck_conn *conn);

void pck_conn_close(struct pck_conn *conn);

#endif
