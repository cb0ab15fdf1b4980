/* Text encodings of binary values. SHA-256 is OpenSSL's. */
#include "lib/base/encode.h"

#include "lib/base/digest.h"


void sek_hex_encode(const void *data, size_t len, char *out)
{
    static const char hex[] = "0123456789abcdef";
    const uint8_t *p = data;
    for (size_t i = 0; i < len; i++) {
        *out++ = hex[p[i] >> 4];
        *out++ = hex[p[i] & 15];
    }
    *out = '\0';
}

int sek_hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 32);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool sek_hex_decode(const char *text, void *out, size_t len)
{
    uint8_t *p = out;
    for (size_t i = 0; i < len; i++) {
        int high = sek_hex_digit(text[2 * i]);
        int low = high < 0 ? -1 : sek_hex_digit(text[2 * i + 1]);
        if (low < 0)
            return false;
        p[i] = (uint8_t)(high << 4 | low);
    }
    return text[2 * len] == '\0';
}

int sek_base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+' || c == '-')
        return 62;
    return c == '/' || c == '_' ? 63 : -1;
}

long sek_base64_decode(const char *text, size_t len, void *out)
{
    uint8_t *p = out;
    uint32_t bits = 0;
    int have = 0;
    while (len && text[len - 1] == '=')
        len--;
    if (len % 4 == 1)
        return -1;
    for (size_t i = 0; i < len; i++) {
        int d = sek_base64_digit(text[i]);
        if (d < 0)
            return -1;
        bits = bits << 6 | (uint32_t)d;
        have += 6;
        if (have >= 8) {
            have -= 8;
            *p++ = (uint8_t)(bits >> have);
        }
    }
    return (long)(p - (uint8_t *)out);
}

void sek_base64url_encode(const void *data, size_t len, char *out)
{
    static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const uint8_t *p = data;
    for (size_t i = 0; i < len; i += 3) {
        uint32_t v = (uint32_t)p[i] << 16;
        if (i + 1 < len)
            v |= (uint32_t)p[i + 1] << 8;
        if (i + 2 < len)
            v |= p[i + 2];
        *out++ = set[v >> 18];
        *out++ = set[v >> 12 & 63];
        if (i + 1 < len)
            *out++ = set[v >> 6 & 63];
        if (i + 2 < len)
            *out++ = set[v & 63];
    }
    *out = '\0';
}

void sek_sha256(const void *data, size_t len, uint8_t out[SEK_SHA256_SIZE])
{
    sek_digest(SEK_SHA256, data, len, out);
}

void sek_sha256_hex(const void *data, size_t len, char out[SEK_SHA256_HEX])
{
    uint8_t digest[SEK_SHA256_SIZE];
    sek_sha256(data, len, digest);
    sek_hex_encode(digest, sizeof digest, out);
}
