/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <ctype.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "net/tls_state.h"

enum { DAY = 24 * 60 * 60, NAMES = 800 };

static const char *const kinds[DRILL_TLS_CERTS] = {"good", "expired", "self-signed", "wrong-name"};

bool drill_tls_cert_find(struct drill_span word, enum drill_tls_cert *out)
{
    for (int i = 0; i < DRILL_TLS_CERTS; i++) {
        if (drill_span_equal(word, drill_span_str(kinds[i]))) {
            *out = (enum drill_tls_cert)i;
            return true;
        }
    }
    return false;
}

/* What makes one certificate. */
struct plan {
    const char *name;  /* CN */
    const char *names; /* subjectAltName; NULL: a CA */
    long from, to;     /* days from now */
    X509 *issuer;      /* NULL: itself */
    EVP_PKEY *signer;
};

static bool add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, cert, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    bool ok = extension && X509_add_ext(cert, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return ok;
}

static bool add_extensions(X509 *cert, const struct plan *p)
{
    X509 *issuer = p->issuer ? p->issuer : cert;
    bool ok = add_extension(cert, issuer, NID_subject_key_identifier, "hash") &&
              add_extension(cert, issuer, NID_authority_key_identifier, "keyid");
    if (!p->names) {
        return ok && add_extension(cert, issuer, NID_basic_constraints, "critical,CA:TRUE") &&
               add_extension(cert, issuer, NID_key_usage, "critical,keyCertSign,cRLSign");
    }
    return ok && add_extension(cert, issuer, NID_basic_constraints, "critical,CA:FALSE") &&
           add_extension(cert, issuer, NID_key_usage, "critical,digitalSignature") &&
           add_extension(cert, issuer, NID_ext_key_usage, "serverAuth") &&
           add_extension(cert, issuer, NID_subject_alt_name, p->names);
}

static bool fill(X509 *cert, EVP_PKEY *key, const struct plan *p)
{
    uint64_t serial = 0;
    X509_NAME *name = X509_get_subject_name(cert);
    if (RAND_bytes((unsigned char *)&serial, sizeof(serial)) != 1) {
        return false;
    }
    return X509_set_version(cert, 2) == 1 &&
           ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert), (serial >> 2) | 1) == 1 &&
           X509_gmtime_adj(X509_getm_notBefore(cert), p->from * DAY) &&
           X509_gmtime_adj(X509_getm_notAfter(cert), p->to * DAY) &&
           X509_set_pubkey(cert, key) == 1 &&
           X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)p->name, -1,
                                      -1, 0) == 1 &&
           X509_set_issuer_name(cert, p->issuer ? X509_get_subject_name(p->issuer) : name) == 1 &&
           add_extensions(cert, p) &&
           X509_sign(cert, p->signer ? p->signer : key, EVP_sha256()) > 0;
}

/* NULL with OpenSSL's error. */
static X509 *make(EVP_PKEY *key, const struct plan *p)
{
    X509 *cert = X509_new();
    if (cert && !fill(cert, key, p)) {
        X509_free(cert);
        cert = NULL;
    }
    return cert;
}

struct drill_tls_ca *drill_tls_ca_new(struct drill_error *err)
{
    static const struct plan plan = {.name = "milterdrill test CA", .from = -60, .to = 60};
    struct drill_tls_ca *ca = drill_alloc_resize(NULL, NULL, sizeof(*ca));
    if (!ca) {
        drill_error_set(err, DRILL_ERR_MEMORY, "no memory for a CA");
        return NULL;
    }
    memset(ca, 0, sizeof(*ca));
    ca->key = EVP_EC_gen("P-256");
    ca->cert = ca->key ? make(ca->key, &plan) : NULL;
    ca->pem = BIO_new(BIO_s_mem());
    if (!ca->cert || !ca->pem || PEM_write_bio_X509(ca->pem, ca->cert) != 1) {
        drill_tls_failed(err, "no CA can be made");
        drill_tls_ca_free(ca);
        ca = NULL;
    }
    return ca;
}

void drill_tls_ca_free(struct drill_tls_ca *ca)
{
    if (ca) {
        BIO_free(ca->pem);
        X509_free(ca->cert);
        EVP_PKEY_free(ca->key);
        drill_alloc_resize(NULL, ca, 0);
    }
}

struct drill_span drill_tls_ca_pem(const struct drill_tls_ca *ca)
{
    char *text = NULL;
    long len = BIO_get_mem_data(ca->pem, &text);
    return drill_span_of(text, len > 0 ? (size_t)len : 0);
}

/* Adds a name or an address; what could not stand in a certificate is left out. */
static void add_name(char *names, const char *name)
{
    unsigned char scratch[16];
    size_t len = strlen(names);
    bool address =
        inet_pton(AF_INET, name, scratch) == 1 || inet_pton(AF_INET6, name, scratch) == 1;
    for (const char *p = name; *p && !address; p++) {
        if (!isalnum((unsigned char)*p) && !strchr("-._", *p)) {
            return;
        }
    }
    if (name[0]) {
        (void)snprintf(names + len, NAMES - len, ",%s:%s", address ? "IP" : "DNS", name);
    }
}

bool drill_tls_cert_make(const struct drill_tls_ca *ca, enum drill_tls_cert kind, const char *host,
                         SSL_CTX *context)
{
    char names[NAMES] = "DNS:localhost,IP:127.0.0.1,IP:::1";
    char machine[256] = "";
    struct plan plan = {"milterdrill", names, -2, 30, ca->cert, ca->key};
    (void)gethostname(machine, sizeof(machine) - 1);
    add_name(names, machine);
    add_name(names, host ? host : "");
    switch (kind) {
    case DRILL_TLS_GOOD: break;
    case DRILL_TLS_EXPIRED:
        plan.from = -30;
        plan.to = -1;
        break;
    case DRILL_TLS_SELF_SIGNED:
        plan.issuer = NULL;
        plan.signer = NULL;
        break;
    case DRILL_TLS_WRONG_NAME:
        plan.name = "wrong-name.invalid";
        plan.names = "DNS:wrong-name.invalid";
        break;
    }
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = key ? make(key, &plan) : NULL;
    bool ok = cert && SSL_CTX_use_certificate(context, cert) == 1 &&
              SSL_CTX_use_PrivateKey(context, key) == 1 && SSL_CTX_check_private_key(context) == 1;
    X509_free(cert);
    EVP_PKEY_free(key);
    return ok;
}
