/* NFS keywords and records. */
#include "lib/app/nfs.h"
#include "lib/app/file.h"
#include "lib/base/compare.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const procedures2[] = {
    "NULL", "0", "GETATTR", "1", "SETATTR", "2", "ROOT", "3", "LOOKUP", "4", "READLINK", "5",
    "READ", "6", "WRITECACHE", "7", "WRITE", "8", "CREATE", "9", "REMOVE", "10", "RENAME", "11",
    "LINK", "12", "SYMLINK", "13", "MKDIR", "14", "RMDIR", "15", "READDIR", "16", "STATFS", "17",
    NULL};
static const char *const procedures3[] = {
    "NULL", "0", "GETATTR", "1", "SETATTR", "2", "LOOKUP", "3", "ACCESS", "4", "READLINK", "5",
    "READ", "6", "WRITE", "7", "CREATE", "8", "MKDIR", "9", "SYMLINK", "10", "MKNOD", "11",
    "REMOVE", "12", "RMDIR", "13", "RENAME", "14", "LINK", "15", "READDIR", "16", "READDIRPLUS",
    "17", "FSSTAT", "18", "FSINFO", "19", "PATHCONF", "20", "COMMIT", "21", NULL};
static const char *const procedures4[] = {
    "NULL", "0", "COMPOUND", "1", "ACCESS", "3", "CLOSE", "4", "COMMIT", "5", "CREATE", "6",
    "DELEGPURGE", "7", "DELEGRETURN", "8", "GETATTR", "9", "GETFH", "10", "LINK", "11", "LOCK",
    "12", "LOCKT", "13", "LOCKU", "14", "LOOKUP", "15", "LOOKUPP", "16", "NVERIFY", "17", "OPEN",
    "18", "OPENATTR", "19", "OPEN_CONFIRM", "20", "OPEN_DOWNGRADE", "21", "PUTFH", "22",
    "PUTPUBFH", "23", "PUTROOTFH", "24", "READ", "25", "READDIR", "26", "READLINK", "27",
    "REMOVE", "28", "RENAME", "29", "RENEW", "30", "RESTOREFH", "31", "SAVEFH", "32", "SECINFO",
    "33", "SETATTR", "34", "SETCLIENTID", "35", "SETCLIENTID_CONFIRM", "36", "VERIFY", "37",
    "WRITE", "38", "RELEASE_LOCKOWNER", "39", "EXCHANGE_ID", "42", "CREATE_SESSION", "43",
    "DESTROY_SESSION", "44", "SEQUENCE", "53", "DESTROY_CLIENTID", "57", "RECLAIM_COMPLETE", "58",
    "ILLEGAL", "10044", NULL};

static const char *const statuses[] = {
    "OK", "0", "ERR_PERM", "1", "ERR_NOENT", "2", "ERR_IO", "5", "ERR_NXIO", "6", "ERR_ACCES",
    "13", "ERR_EXIST", "17", "ERR_XDEV", "18", "ERR_NODEV", "19", "ERR_NOTDIR", "20", "ERR_ISDIR",
    "21", "ERR_INVAL", "22", "ERR_FBIG", "27", "ERR_NOSPC", "28", "ERR_ROFS", "30", "ERR_MLINK",
    "31", "ERR_NAMETOOLONG", "63", "ERR_NOTEMPTY", "66", "ERR_DQUOT", "69", "ERR_STALE", "70",
    "ERR_REMOTE", "71", "ERR_BADHANDLE", "10001", "ERR_NOT_SYNC", "10002", "ERR_BAD_COOKIE",
    "10003", "ERR_NOTSUPP", "10004", "ERR_TOOSMALL", "10005", "ERR_SERVERFAULT", "10006",
    "ERR_BADTYPE", "10007", "ERR_JUKEBOX", "10008", NULL};
static const char *const flavors[] = {"NULL", "0", "UNIX", "1", "SHORT", "2", "DH", "3", "KERB",
                                      "4", "RSA", "5", "GSS", "6", NULL};

static const char *const *procedures(uint32_t version)
{
    return version == 2 ? procedures2 : version == 3 ? procedures3 : procedures4;
}

static void word_json(struct sek_text *out, const char *key, const char *const *words, uint32_t v)
{
    const char *w = sek_word(words, v);
    char number[16];
    snprintf(number, sizeof number, "%u", v);
    sek_json_str(out, key, w ? w : number);
}

/* "read" or "write" of a file transaction. */
static void transfer_json(struct sek_text *out, const struct nfs_tx *tx)
{
    bool more = tx->chunks > 1; /* what the call that began it shows is the state before its data */
    sek_json_open(out, tx->file_dir == SEK_TOSERVER ? "write" : "read", '{');
    sek_json_bool(out, "first", true);
    sek_json_bool(out, "last", tx->file.closed);
    sek_json_uint(out, "last_xid", more ? tx->last_xid : 0);
    sek_json_uint(out, "chunks", more ? tx->chunks : 0);
    sek_json_close(out, '}');
}

void nfs_eve(struct sek_app_state *state, struct sek_tx *base, struct sek_text *out)
{
    const struct nfs_tx *tx = (const struct nfs_tx *)base;
    struct sek_bytes name = {0};
    char hash[12];
    (void)state;
    sek_slice_give(&tx->text, tx->name, &name);
    sek_json_uint(out, "version", tx->version);
    word_json(out, "procedure", procedures(tx->version), tx->procedure);
    sek_json_bytes(out, "filename", name.data, name.len);
    if (tx->has_handle) {
        snprintf(hash, sizeof hash, "%x", tx->handle_crc);
        sek_json_str(out, "hhash", hash);
    }
    sek_json_uint(out, "id", tx->base.id + 1);
    sek_json_bool(out, "file_tx", tx->is_file);
    if (tx->is_file)
        transfer_json(out, tx);
    sek_json_str(out, "type", "response");
    word_json(out, "status", statuses, tx->status);
    if (tx->to.set) {
        sek_json_open(out, "rename", '{');
        sek_slice_json(out, "from", &tx->text, tx->name);
        sek_slice_json(out, "to", &tx->text, tx->to);
        sek_json_close(out, '}');
    }
}

void nfs_eve_beside(struct sek_app_state *state, struct sek_tx *base, struct sek_text *out)
{
    const struct nfs_tx *tx = (const struct nfs_tx *)base;
    (void)state;
    sek_json_open(out, "rpc", '{');
    sek_json_uint(out, "xid", tx->xid);
    sek_json_str(out, "status", tx->rpc_status ? "DENIED" : "ACCEPTED");
    word_json(out, "auth_type", flavors, tx->flavor);
    if (tx->has_creds) {
        sek_json_open(out, "creds", '{');
        sek_slice_json(out, "machine_name", &tx->text, tx->machine);
        sek_json_uint(out, "uid", tx->uid);
        sek_json_uint(out, "gid", tx->gid);
        sek_json_close(out, '}');
    }
    sek_json_close(out, '}');
}

/* --- keywords --- */

static bool get_content(struct sek_app_state *s, struct sek_tx *base, enum sek_dir dir, uint32_t i,
                        struct sek_bytes *out)
{
    const struct nfs_tx *tx = (const struct nfs_tx *)base;
    (void)s;
    *out = sek_buffer_view(&tx->content);
    return !i && tx->is_file && tx->file_dir == dir && out->data;
}

static bool get_name(struct sek_app_state *s, struct sek_tx *base, enum sek_dir dir, uint32_t i,
                     struct sek_bytes *out)
{
    const struct nfs_tx *tx = (const struct nfs_tx *)base;
    (void)s;
    return !i && tx->is_file && tx->file_dir == dir && sek_slice_give(&tx->text, tx->name, out);
}

SEK_NUMBER_GETTER(get_version, nfs_tx, tx->version, tx->version)

const struct sek_buffer_def nfs_buffers[] = {
    {"file.data", "file_data", NULL, 3, {1, 1}, false, true, get_content},
    {"file.magic", NULL, NULL, 3, {1, 1}, true, true, sek_app_file_magic},
    {"file.name", "filename", NULL, 3, {1, 1}, false, false, get_name},
    {0},
};

const struct sek_number_def nfs_numbers[] = {
    {"nfs.version", 1, {1, 1}, get_version, NULL},
    {"nfs_version", 1, {1, 1}, get_version, NULL},
    {0},
};

/* nfs_procedure: a number or range, which includes its ends here, or a name in its version. */
struct procedure_test {
    bool named, negated;
    uint64_t number[5]; /* by version; UINT64_MAX: none of that name */
    struct sek_compare compare;
};

static bool parse_name(struct procedure_test *t, const char *arg)
{
    bool any = false;
    t->negated = *arg == '!';
    t->named = true;
    for (arg += t->negated; isspace((unsigned char)*arg); arg++)
        ;
    for (uint32_t v = 2; v <= 4; v++) {
        if (!sek_word_value(procedures(v), arg, &t->number[v]))
            t->number[v] = UINT64_MAX;
        else
            any = true;
    }
    return any;
}

static const void *parse_procedure(struct sek_arena *arena, char *arg, struct sek_fault *fault)
{
    struct procedure_test *t = sek_arena_alloc(arena, sizeof *t);
    if (t && arg && parse_name(t, arg))
        return t;
    if (t && arg && (t->named = false, sek_compare_parse(arg, NULL, &t->compare))) {
        if (t->compare.op == SEK_RANGE && strpbrk(arg, "-<")) {
            t->compare.low--;
            t->compare.high++;
        }
        return t;
    }
    sek_fail(fault, SEK_EINVAL, "found '%.40s', expected a procedure's name or number",
             arg ? arg : "");
    return NULL;
}

static bool match_procedure(struct sek_app_state *s, struct sek_tx *base, enum sek_dir dir,
                            const void *arg)
{
    const struct nfs_tx *tx = (const struct nfs_tx *)base;
    const struct procedure_test *t = arg;
    (void)s, (void)dir;
    if (tx->version < 2 || tx->version > 4)
        return false;
    if (t->named)
        return (t->number[tx->version] == tx->procedure) != t->negated;
    return sek_compare(&t->compare, tx->procedure);
}

const struct sek_test_def nfs_tests[] = {
    {"nfs_procedure", 1, {1, 1}, parse_procedure, match_procedure},
    {"nfs.procedure", 1, {1, 1}, parse_procedure, match_procedure},
    {0},
};
