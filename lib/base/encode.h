/* Hexadecimal and base64 (RFC 4648), and SHA-256 as text. */
#ifndef SEK_BASE_ENCODE_H
#define SEK_BASE_ENCODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEK_SHA256_SIZE 32
#define SEK_SHA256_HEX  65 /* with the NUL */

/* Value of one digit, or -1. */
int sek_hex_digit(char c);
int sek_base64_digit(char c);

/* OUT holds 2*LEN+1 bytes. */
void sek_hex_encode(const void *data, size_t len, char *out);
/* Exactly LEN bytes from 2*LEN hex digits; false when TEXT is anything else. */
bool sek_hex_decode(const char *text, void *out, size_t len);
/* Standard or URL-safe alphabet, padding optional. Returns the decoded length, or -1. OUT holds at
 * least LEN/4*3+3 bytes. */
long sek_base64_decode(const char *text, size_t len, void *out);
/* URL-safe without padding. OUT holds (LEN+2)/3*4+1 bytes. */
void sek_base64url_encode(const void *data, size_t len, char *out);

void sek_sha256(const void *data, size_t len, uint8_t out[SEK_SHA256_SIZE]);
void sek_sha256_hex(const void *data, size_t len, char out[SEK_SHA256_HEX]);

#endif
