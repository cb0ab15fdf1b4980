/* The console's files, under a strict content security policy. A path without a file and without
 * a dot in its last element is a view of the single-page application: it gets index.html. */
#include "lib/base/file.h"
#include "manager/http.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_LIMIT (8u << 20)

static const char policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'";

static const char *type_of(const char *path)
{
    static const struct {
        const char *end, *type;
    } types[] = {
        {".html", "text/html; charset=utf-8"}, {".js", "text/javascript; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},   {".svg", "image/svg+xml"},
        {".png", "image/png"},                 {".ico", "image/x-icon"},
        {".json", "application/json"},         {".woff2", "font/woff2"},
        {".txt", "text/plain; charset=utf-8"}, {".webmanifest", "application/manifest+json"},
        {".map", "application/json"},
    };
    size_t len = strlen(path);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        size_t end = strlen(types[i].end);
        if (len > end && !strcmp(path + len - end, types[i].end))
            return types[i].type;
    }
    return "application/octet-stream";
}

static bool is_file(const char *path)
{
    struct stat st;
    return !lstat(path, &st) && S_ISREG(st.st_mode);
}

bool sek_static_serve(struct sek_request *r)
{
    char path[PATH_MAX];
    char *data = NULL;
    size_t len = 0;
    const char *last = strrchr(r->path, '/');
    if (!r->manager->console || evhttp_request_get_command(r->http) != EVHTTP_REQ_GET ||
        strstr(r->path, "..") || strchr(r->path, '\\'))
        return false;
    snprintf(path, sizeof path, "%s%s", r->manager->console, r->path);
    if (!is_file(path)) {
        if (last && strchr(last, '.'))
            return false;
        snprintf(path, sizeof path, "%s/index.html", r->manager->console);
    }
    if (sek_file_read(path, FILE_LIMIT, &data, &len, NULL))
        return false;
    struct evkeyvalq *headers = evhttp_request_get_output_headers(r->http);
    evhttp_add_header(headers, "Content-Security-Policy", policy);
    evhttp_add_header(headers, "Referrer-Policy", "no-referrer");
    evhttp_add_header(headers, "Cross-Origin-Opener-Policy", "same-origin");
    sek_reply_text(r, 200, type_of(path), data, len);
    free(data);
    return true;
}
