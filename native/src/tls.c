#include "tls.h"

#include <mbedtls/pk.h>
#include <mbedtls/ssl.h>
#include <mbedtls/x509_crt.h>

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define PEM_BYTES_MAX (1024 * 1024)
/*
 * How often mbedTLS may read from the socket before the caller looks at the clock again; a record takes two.  It goes
 * on by itself as long as something comes that it passes over (warning alerts), so that a peer who sends nothing else
 * would hold it for ever.  Reads and not bytes: an alert has seven bytes, and what costs is the call.
 */
#define TURN_READS_MAX 64

struct pck_tls_context {
	mbedtls_ssl_config config;
	mbedtls_x509_crt ca;
	mbedtls_x509_crt cert;
	mbedtls_pk_context key;
};

struct pck_tls_session {
	mbedtls_ssl_context ssl;
	pck_socket socket;
	int turn_reads; /* that this turn may still make */
	unsigned memory_mark; /* what fails for want of memory may show itself in what the server says to it later */
};

/* mbedTLS keeps a pointer to it. */
static const char *const alpn[] = {"h2", NULL};

/* The system's generator itself: no seed, no state, no lock. */
static int random_bytes(void *unused, unsigned char *data, size_t len)
{
	(void)unused;
	return pck_random(data, len) == 0 ? 0 : MBEDTLS_ERR_SSL_INTERNAL_ERROR;
}

/*
 * Allocations of mbedTLS that failed, in this process.  mbedTLS takes a signature that it has no memory to
 * verify for one that is wrong, and a key that it has none to parse for one of another format; so it is asked
 * here, not there, whether memory was the reason.  Another thread's may be counted too: then it is short for
 * all of them.
 */
static atomic_uint failed_allocations;

void *pck_tls_calloc(size_t count, size_t size)
{
	void *made = calloc(count, size);

	if (made == NULL && count > 0 && size > 0)
		(void)atomic_fetch_add(&failed_allocations, 1);
	return made;
}

/* For lacked_memory(), before mbedTLS is called. */
static unsigned memory_mark(void)
{
	return atomic_load(&failed_allocations);
}

static int lacked_memory(unsigned mark)
{
	return atomic_load(&failed_allocations) != mark;
}

/* Reads a PEM file by one of mbedTLS's parsers into `target`. */
static int32_t load(const char *path, int (*parse)(void *target, const uint8_t *data, size_t len), void *target,
                    struct pck_error *error)
{
	struct pck_bytes file = {0};
	int32_t result = pck_read_file(path, PEM_BYTES_MAX, &file, error);
	unsigned mark = memory_mark();
	int refused;

	if (result == PCK_OK) {
		/* The length that mbedTLS wants for PEM counts the zero byte. */
		refused = parse(target, file.data, file.len);
		if (refused != 0 && lacked_memory(mark)) {
			result = PCK_E_MEMORY;
		} else if (refused != 0) {
			pck_error_set(error, "`%s`: no usable PEM file (mbedTLS -0x%04x)", path,
			              (unsigned)(refused < 0 ? -refused : refused));
			result = PCK_E_CERTIFICATE;
		}
	}
	if (file.data != NULL)
		memset(file.data, 0, file.capacity);
	pck_bytes_free(&file);
	return result;
}

static int parse_certificates(void *target, const uint8_t *data, size_t len)
{
	return mbedtls_x509_crt_parse(target, data, len);
}

static int parse_key(void *target, const uint8_t *data, size_t len)
{
	return mbedtls_pk_parse_key(target, data, len, NULL, 0, random_bytes, NULL);
}

static int32_t configure(struct pck_tls_context *context, const char *ca_file, const char *cert_file,
                         const char *key_file, struct pck_error *error)
{
	mbedtls_ssl_config *config = &context->config;
	unsigned mark;
	int32_t result;
	int refused;

	if (mbedtls_ssl_config_defaults(config, MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_STREAM,
	                                MBEDTLS_SSL_PRESET_DEFAULT) != 0)
		return PCK_E_MEMORY;
	mbedtls_ssl_conf_rng(config, random_bytes, NULL);
	mbedtls_ssl_conf_authmode(config, MBEDTLS_SSL_VERIFY_REQUIRED);
	if (mbedtls_ssl_conf_alpn_protocols(config, (const char **)alpn) != 0)
		return PCK_E_INTERNAL;
	result = load(ca_file, parse_certificates, &context->ca, error);
	if (result != PCK_OK)
		return result;
	mbedtls_ssl_conf_ca_chain(config, &context->ca, NULL);
	if (cert_file == NULL)
		return PCK_OK;
	result = load(cert_file, parse_certificates, &context->cert, error);
	if (result == PCK_OK)
		result = load(key_file, parse_key, &context->key, error);
	if (result != PCK_OK)
		return result;
	mark = memory_mark();
	refused = mbedtls_pk_check_pair(&context->cert.pk, &context->key, random_bytes, NULL);
	if (refused != 0 && lacked_memory(mark))
		return PCK_E_MEMORY;
	if (refused != 0) {
		pck_error_set(error, "`%s` is not the key of `%s`", key_file, cert_file);
		return PCK_E_CERTIFICATE;
	}
	return mbedtls_ssl_conf_own_cert(config, &context->cert, &context->key) == 0 ? PCK_OK : PCK_E_MEMORY;
}

int32_t pck_tls_context_open(struct pck_tls_context **made, const char *ca_file, const char *cert_file,
                             const char *key_file, struct pck_error *error)
{
	struct pck_tls_context *context = calloc(1, sizeof *context);
	int32_t result;

	*made = NULL;
	if (context == NULL)
		return PCK_E_MEMORY;
	mbedtls_ssl_config_init(&context->config);
	mbedtls_x509_crt_init(&context->ca);
	mbedtls_x509_crt_init(&context->cert);
	mbedtls_pk_init(&context->key);
	result = configure(context, ca_file, cert_file, key_file, error);
	if (result != PCK_OK) {
		pck_tls_context_free(context);
		return result;
	}
	*made = context;
	return PCK_OK;
}

void pck_tls_context_free(struct pck_tls_context *context)
{
	if (context == NULL)
		return;
	mbedtls_ssl_config_free(&context->config);
	mbedtls_x509_crt_free(&context->ca);
	mbedtls_x509_crt_free(&context->cert);
	mbedtls_pk_free(&context->key);
	free(context);
}

static int bio_send(void *session, const unsigned char *data, size_t len)
{
	int32_t n = pck_net_send(((struct pck_tls_session *)session)->socket, data, len);

	if (n == PCK_NET_AGAIN)
		return MBEDTLS_ERR_SSL_WANT_WRITE;
	return n > 0 ? n : MBEDTLS_ERR_SSL_CONN_EOF;
}

static int bio_recv(void *of, unsigned char *data, size_t len)
{
	struct pck_tls_session *session = of;
	int32_t n;

	/* What is left is still in the socket, which is readable: whoever waits for it comes back at once. */
	if (session->turn_reads == 0)
		return MBEDTLS_ERR_SSL_WANT_READ;
	session->turn_reads--;
	n = pck_net_recv(session->socket, data, len);
	if (n == PCK_NET_AGAIN)
		return MBEDTLS_ERR_SSL_WANT_READ;
	return n >= 0 ? n : MBEDTLS_ERR_SSL_CONN_EOF;
}

int32_t pck_tls_session_open(struct pck_tls_session **made, struct pck_tls_context *context, const char *name,
                             pck_socket s, struct pck_error *error)
{
	struct pck_tls_session *session = calloc(1, sizeof *session);

	*made = NULL;
	if (session == NULL)
		return PCK_E_MEMORY;
	session->socket = s;
	session->memory_mark = memory_mark();
	mbedtls_ssl_init(&session->ssl);
	if (mbedtls_ssl_setup(&session->ssl, &context->config) != 0 ||
	    mbedtls_ssl_set_hostname(&session->ssl, name) != 0) {
		pck_error_set(error, "out of memory");
		pck_tls_session_free(session);
		return PCK_E_MEMORY;
	}
	mbedtls_ssl_set_bio(&session->ssl, session, bio_send, bio_recv, NULL);
	*made = session;
	return PCK_OK;
}

void pck_tls_session_free(struct pck_tls_session *session)
{
	if (session == NULL)
		return;
	mbedtls_ssl_free(&session->ssl);
	free(session);
}

static int32_t handshake_failed(struct pck_tls_session *session, int reason, struct pck_error *error)
{
	uint32_t flags = mbedtls_ssl_get_verify_result(&session->ssl);
	char why[256];

	if (reason == MBEDTLS_ERR_X509_CERT_VERIFY_FAILED &&
	    mbedtls_x509_crt_verify_info(why, sizeof why, "", flags) > 0)
		pck_error_set(error, "TLS: %s", why);
	else if (reason == MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE)
		pck_error_set(error, "TLS: the server refused the handshake (has the station its certificate?)");
	else if (reason == MBEDTLS_ERR_SSL_CONN_EOF)
		pck_error_set(error, "TLS: the server closed the connection during the handshake");
	else
		pck_error_set(error, "TLS: the handshake failed (mbedTLS -0x%04x)", (unsigned)-reason);
	return PCK_E_TLS;
}

int32_t pck_tls_handshake(struct pck_tls_session *session, struct pck_error *error)
{
	const char *protocol;
	int result;

	session->turn_reads = TURN_READS_MAX;
	result = mbedtls_ssl_handshake(&session->ssl);
	if (result == MBEDTLS_ERR_SSL_WANT_READ)
		return PCK_READABLE;
	if (result == MBEDTLS_ERR_SSL_WANT_WRITE)
		return PCK_WRITABLE;
	if (result != 0)
		return lacked_memory(session->memory_mark) ? PCK_E_MEMORY : handshake_failed(session, result, error);
	protocol = mbedtls_ssl_get_alpn_protocol(&session->ssl);
	if (protocol == NULL || strcmp(protocol, alpn[0]) != 0) {
		pck_error_set(error, "TLS: the server does not speak HTTP/2");
		return PCK_E_TLS;
	}
	return PCK_OK;
}

static int32_t moved(int n)
{
	if (n > 0)
		return n;
	if (n == MBEDTLS_ERR_SSL_WANT_READ || n == MBEDTLS_ERR_SSL_WANT_WRITE)
		return PCK_NET_AGAIN;
	return n == 0 || n == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY ? PCK_NET_CLOSED : PCK_NET_LOST;
}

int32_t pck_tls_send(struct pck_tls_session *session, const void *data, size_t len)
{
	session->turn_reads = TURN_READS_MAX;
	return moved(mbedtls_ssl_write(&session->ssl, data, len));
}

int32_t pck_tls_recv(struct pck_tls_session *session, void *data, size_t len)
{
	session->turn_reads = TURN_READS_MAX;
	return moved(mbedtls_ssl_read(&session->ssl, data, len));
}
