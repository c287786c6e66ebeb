/*
 * One HTTP/2 connection: a socket, TLS if wanted, and an nghttp2 session.  It carries one unary
 * gRPC call at a time and stays open between calls.  Nothing here waits longer than it is told.
 */
#ifndef PCK_HTTP2_H
#define PCK_HTTP2_H

#include "grpc.h"
#include "tls.h"
#include "wire.h"

#include <nghttp2/nghttp2.h>
#include <stdatomic.h>

/* A TLS record's worth. */
#define PCK_IO_BYTES (16 * 1024)

/* How a waiting call ends early. */
struct pck_interrupt {
	struct pck_wake wake;
	atomic_int cancelled;
};

/* One request on its way, and the reply to it. */
struct pck_exchange {
	const char *path;                  /* "/package.Service/Method" */
	const struct pck_body *body;
	struct pck_reply *reply;
	uint8_t prefix[PCK_GRPC_PREFIX_BYTES];
	size_t sent;                       /* of prefix and body        */
	int32_t stream_id;
	int ended;                         /* the server said its last  */
	int refused;                       /* the server did not act    */
	uint32_t reset_code;               /* if the stream was reset   */
	int reset;
};

struct pck_conn {
	pck_socket socket;                 /* PCK_NO_SOCKET: closed     */
	struct pck_tls_session *tls;       /* NULL: plaintext           */
	nghttp2_session *h2;
	struct pck_interrupt *interrupt;
	struct pck_exchange *exchange;     /* NULL between calls        */
	int broken;                        /* the peer broke HTTP/2     */
	int64_t used_us;                   /* when the last call ended  */
	const uint8_t *frame;              /* of nghttp2's, not yet in `out` */
	size_t frame_len;
	size_t out_len, out_sent;
	uint8_t out[PCK_IO_BYTES];
	uint8_t in[PCK_IO_BYTES];
};

void pck_conn_init(struct pck_conn *conn, struct pck_interrupt *interrupt);

/*
 * Connects until `limit_us`.  `tls` may be NULL.  Returns PCK_OK, PCK_E_TIMEOUT,
 * PCK_E_CANCELLED, PCK_E_UNREACHABLE, PCK_E_TLS, PCK_E_MEMORY; what is half open is closed.
 */
int32_t pck_conn_open(struct pck_conn *conn, const struct pck_address *address, struct pck_tls_context *tls,
                      const char *tls_name, int64_t limit_us, struct pck_error *error);

/* Reads what came in between calls.  Returns 1 if the connection can take another call. */
int pck_conn_usable(struct pck_conn *conn);

/*
 * Sends one request and waits for the end of the reply until `limit_us`.  Returns PCK_OK when
 * the reply ended (it may say anything), PCK_E_TIMEOUT, PCK_E_CANCELLED, PCK_E_MEMORY, PCK_LOST or
 * PCK_NOT_SENT.  With everything but PCK_OK the connection is closed.
 */
int32_t pck_conn_exchange(struct pck_conn *conn, const struct pck_address *address, const char *path,
                          const struct pck_body *body, struct pck_reply *reply, int64_t limit_us,
                          struct pck_error *error);

void pck_conn_close(struct pck_conn *conn);

#endif
