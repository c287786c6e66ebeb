/*
 * TLS 1.2 by mbedTLS, over the non-blocking sockets of platform.h.  No other file knows mbedTLS.
 *
 * A context holds the files of one client; a session is one connection.  Two clients share no state but
 * a count of failed allocations, so there is no lock.
 */
#ifndef PCK_TLS_H
#define PCK_TLS_H

#include "platform.h"

struct pck_tls_context;
struct pck_tls_session;

/* Reads the PEM files.  cert_file and key_file are both NULL or both set. */
int32_t pck_tls_context_open(struct pck_tls_context **made, const char *ca_file, const char *cert_file,
                             const char *key_file, struct pck_error *error);
void pck_tls_context_free(struct pck_tls_context *context);

/* `name` is what the server's certificate must bear: a DNS name or an IP address. */
int32_t pck_tls_session_open(struct pck_tls_session **made, struct pck_tls_context *context, const char *name,
                             pck_socket s, struct pck_error *error);
void pck_tls_session_free(struct pck_tls_session *session);

/*
 * Goes on with the handshake.  Returns PCK_OK when it is done; PCK_READABLE or PCK_WRITABLE for
 * what to wait for; PCK_E_TLS, PCK_E_MEMORY or PCK_LOST when it failed.
 */
int32_t pck_tls_handshake(struct pck_tls_session *session, struct pck_error *error);

/* As pck_net_send() and pck_net_recv().  After PCK_NET_AGAIN send the same bytes again. */
int32_t pck_tls_send(struct pck_tls_session *session, const void *data, size_t len);
int32_t pck_tls_recv(struct pck_tls_session *session, void *data, size_t len);

#endif
