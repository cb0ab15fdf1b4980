/* The `smb` object of an EVE record: names of commands and states, and what each kind of
 * transaction adds. */
#include "lib/app/smb.h"

#include <stdio.h>

static const char *const names2[] = {
    "NEGOTIATE_PROTOCOL", "SESSION_SETUP", "SESSION_LOGOFF", "TREE_CONNECT", "TREE_DISCONNECT",
    "CREATE", "CLOSE", "FLUSH", "READ", "WRITE", "LOCK", "IOCTL", "CANCEL", "KEEPALIVE", "FIND",
    "CHANGE_NOTIFY", "GET_INFO", "SET_INFO", "OPLOCK_BREAK"};

static const struct {
    uint8_t command;
    const char *name;
} names1[] = {
    {0x00, "CREATE_DIRECTORY"}, {0x01, "DELETE_DIRECTORY"}, {0x02, "OPEN"}, {0x03, "CREATE"},
    {0x04, "CLOSE"}, {0x05, "FLUSH"}, {0x06, "DELETE"}, {0x07, "RENAME"},
    {0x08, "QUERY_INFORMATION"}, {0x09, "SET_INFORMATION"}, {0x0a, "READ"}, {0x0b, "WRITE"},
    {0x0c, "LOCK_BYTE_RANGE"}, {0x0d, "UNLOCK_BYTE_RANGE"}, {0x0e, "CREATE_TEMPORARY"},
    {0x0f, "CREATE_NEW"}, {0x10, "CHECK_DIRECTORY"}, {0x11, "PROCESS_EXIT"}, {0x12, "SEEK"},
    {0x13, "LOCK_AND_READ"}, {0x14, "WRITE_AND_UNLOCK"}, {0x22, "SET_INFORMATION2"},
    {0x23, "QUERY_INFORMATION2"}, {0x24, "LOCKING_ANDX"}, {0x25, "TRANS"},
    {0x26, "TRANSACTION_SECONDARY"}, {0x27, "IOCTL"}, {0x2b, "ECHO"}, {0x2d, "OPEN_ANDX"},
    {0x2e, "READ_ANDX"}, {0x2f, "WRITE_ANDX"}, {0x32, "TRANS2"}, {0x33, "TRANSACTION2_SECONDARY"},
    {0x34, "FIND_CLOSE2"}, {0x70, "TREE_CONNECT"}, {0x71, "TREE_DISCONNECT"},
    {0x72, "NEGOTIATE_PROTOCOL"}, {0x73, "SESSION_SETUP_ANDX"}, {0x74, "LOGOFF_ANDX"},
    {0x75, "TREE_CONNECT_ANDX"}, {0x80, "QUERY_INFORMATION_DISK"}, {0x81, "SEARCH"},
    {0x82, "FIND"}, {0xa0, "NT_TRANS"}, {0xa1, "NT_TRANSACT_SECONDARY"}, {0xa2, "NT_CREATE_ANDX"},
    {0xa4, "NT_CANCEL"}, {0xc0, "OPEN_PRINT_FILE"},
};

static const struct {
    uint32_t status;
    const char *name;
} states[] = {
    {0, "STATUS_SUCCESS"}, {0x103, "STATUS_PENDING"}, {0x80000005, "STATUS_BUFFER_OVERFLOW"},
    {0x80000006, "STATUS_NO_MORE_FILES"}, {0xc0000001, "STATUS_UNSUCCESSFUL"},
    {0xc0000002, "STATUS_NOT_IMPLEMENTED"}, {0xc0000003, "STATUS_INVALID_INFO_CLASS"},
    {0xc0000008, "STATUS_INVALID_HANDLE"}, {0xc000000d, "STATUS_INVALID_PARAMETER"},
    {0xc000000e, "STATUS_NO_SUCH_DEVICE"}, {0xc000000f, "STATUS_NO_SUCH_FILE"},
    {0xc0000010, "STATUS_INVALID_DEVICE_REQUEST"}, {0xc0000011, "STATUS_END_OF_FILE"},
    {0xc0000016, "STATUS_MORE_PROCESSING_REQUIRED"}, {0xc0000022, "STATUS_ACCESS_DENIED"},
    {0xc0000023, "STATUS_BUFFER_TOO_SMALL"}, {0xc0000033, "STATUS_OBJECT_NAME_INVALID"},
    {0xc0000034, "STATUS_OBJECT_NAME_NOT_FOUND"}, {0xc0000035, "STATUS_OBJECT_NAME_COLLISION"},
    {0xc000003a, "STATUS_OBJECT_PATH_NOT_FOUND"}, {0xc0000043, "STATUS_SHARING_VIOLATION"},
    {0xc0000056, "STATUS_DELETE_PENDING"}, {0xc0000061, "STATUS_PRIVILEGE_NOT_HELD"},
    {0xc000006a, "STATUS_WRONG_PASSWORD"}, {0xc000006d, "STATUS_LOGON_FAILURE"},
    {0xc000006e, "STATUS_ACCOUNT_RESTRICTION"}, {0xc0000071, "STATUS_PASSWORD_EXPIRED"},
    {0xc0000072, "STATUS_ACCOUNT_DISABLED"}, {0xc000007e, "STATUS_RANGE_NOT_LOCKED"},
    {0xc000009a, "STATUS_INSUFFICIENT_RESOURCES"}, {0xc00000ac, "STATUS_PIPE_NOT_AVAILABLE"},
    {0xc00000ba, "STATUS_FILE_IS_A_DIRECTORY"}, {0xc00000bb, "STATUS_NOT_SUPPORTED"},
    {0xc00000c9, "STATUS_NETWORK_NAME_DELETED"}, {0xc00000cc, "STATUS_BAD_NETWORK_NAME"},
    {0xc0000101, "STATUS_DIRECTORY_NOT_EMPTY"}, {0xc0000103, "STATUS_NOT_A_DIRECTORY"},
    {0xc0000120, "STATUS_CANCELLED"}, {0xc0000128, "STATUS_FILE_CLOSED"},
    {0xc000014b, "STATUS_PIPE_BROKEN"}, {0xc0000203, "STATUS_USER_SESSION_DELETED"},
    {0xc0000225, "STATUS_NOT_FOUND"}, {0xc0000257, "STATUS_PATH_NOT_COVERED"},
    {0xc000035c, "STATUS_NETWORK_SESSION_EXPIRED"},
};

static void eve_buffer(struct sek_text *out, const char *key, const struct sek_buffer *b)
{
    if (b->len)
        sek_json_bytes(out, key, b->data, b->len);
}

static void eve_command(struct sek_text *out, const struct smb_tx *tx)
{
    char text[64];
    if (tx->version == 2) {
        bool known = tx->command < sizeof names2 / sizeof *names2;
        snprintf(text, sizeof text, "SMB2_COMMAND_%s", known ? names2[tx->command] : "UNKNOWN");
        sek_json_str(out, "command", text);
        return;
    }
    snprintf(text, sizeof text, "UNKNOWN_%u", tx->command);
    for (size_t i = 0; i < sizeof names1 / sizeof *names1; i++)
        if (names1[i].command == tx->command)
            snprintf(text, sizeof text, "SMB1_COMMAND_%s", names1[i].name);
    sek_json_str(out, "command", text);
}

static const char *dialect2(uint16_t v, char *number)
{
    switch (v) {
    case 0x0202:
        return "2.02";
    case 0x0210:
        return "2.10";
    case 0x0222:
        return "2.22";
    case 0x0224:
        return "2.24";
    case 0x02ff:
        return "2.??";
    case 0x0300:
        return "3.00";
    case 0x0302:
        return "3.02";
    case 0x0310:
        return "3.10";
    case 0x0311:
        return "3.11";
    default:
        snprintf(number, 8, "0x%04x", v);
        return number;
    }
}

static void eve_status(struct sek_text *out, const struct smb_tx *tx)
{
    char code[16];
    const char *name = NULL;
    if (!tx->has_status)
        return;
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        if (states[i].status == tx->status)
            name = states[i].name;
    snprintf(code, sizeof code, "0x%x", tx->status);
    sek_json_str(out, "status", name ? name : code);
    sek_json_str(out, "status_code", code);
}

static void eve_guid(struct sek_text *out, const char *key, const uint8_t g[16])
{
    char t[40];
    snprintf(t, sizeof t, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
             g[3], g[2], g[1], g[0], g[5], g[4], g[7], g[6], g[8], g[9], g[10], g[11], g[12], g[13],
             g[14], g[15]);
    sek_json_str(out, key, t);
}

static void eve_fuid(struct sek_text *out, const struct smb_tx *tx)
{
    if (tx->version == 2) {
        eve_guid(out, "fuid", tx->fid);
        return;
    }
    char text[8];
    snprintf(text, sizeof text, "%02x%02x", tx->fid[1], tx->fid[0]);
    sek_json_str(out, "fuid", text);
}

static void eve_negotiate(struct sek_text *out, const struct smb_tx *tx)
{
    char number[8];
    const struct sek_buffer *d = &tx->dialects;
    sek_json_open(out, "client_dialects", '[');
    for (uint32_t i = 0; i < d->len;) {
        if (tx->version == 2) {
            if (i + 2 <= d->len)
                sek_json_str(out, NULL,
                             dialect2((uint16_t)(d->data[i] | d->data[i + 1] << 8), number));
            i += 2;
        } else {
            uint32_t n = (uint32_t)strnlen((const char *)d->data + i, d->len - i);
            sek_json_bytes(out, NULL, d->data + i, n);
            i += n + 1;
        }
    }
    sek_json_close(out, ']');
    if (tx->version == 2) {
        eve_guid(out, "client_guid", tx->guid[0]);
        eve_guid(out, "server_guid", tx->guid[1]);
        sek_json_uint(out, "max_read_size", tx->max_read);
        sek_json_uint(out, "max_write_size", tx->max_write);
    }
}

static void eve_session(struct sek_text *out, const struct smb_tx *tx)
{
    if (tx->ntlmssp) {
        sek_json_open(out, "ntlmssp", '{');
        sek_json_bytes(out, "domain", tx->domain.data, tx->domain.len);
        sek_json_bytes(out, "user", tx->user.data, tx->user.len);
        eve_buffer(out, "host", &tx->host);
        if (tx->blob_version.len == 8) {
            const uint8_t *v = tx->blob_version.data;
            char text[48];
            snprintf(text, sizeof text, "%u.%u build %u rev %u", v[0], v[1],
                     (unsigned)(v[2] | v[3] << 8), v[7]);
            sek_json_str(out, "version", text);
        }
        sek_json_close(out, '}');
    }
    if (tx->native_os.len || tx->native_lm.len) {
        sek_json_open(out, "request", '{');
        eve_buffer(out, "native_os", &tx->native_os);
        eve_buffer(out, "native_lm", &tx->native_lm);
        sek_json_close(out, '}');
    }
}

static void eve_tree(struct sek_text *out, const struct smb_tx *tx)
{
    static const char *const types[] = {"UNKNOWN", "FILE", "PIPE", "PRINT"};
    eve_buffer(out, tx->pipe ? "named_pipe" : "share", &tx->name);
    if (tx->version == 2) {
        sek_json_str(out, "share_type", types[tx->share_type < 4 ? tx->share_type : 0]);
        return;
    }
    sek_json_open(out, "service", '{');
    eve_buffer(out, "request", &tx->service);
    eve_buffer(out, "response", &tx->service_answer);
    sek_json_close(out, '}');
}

static void eve_create(struct sek_text *out, const struct smb_tx *tx)
{
    static const char *const dispositions[] = {"FILE_SUPERSEDE", "FILE_OPEN", "FILE_CREATE",
                                               "FILE_OPEN_IF", "FILE_OVERWRITE",
                                               "FILE_OVERWRITE_IF"};
    static const char *const times[] = {"created", "accessed", "modified", "changed"};
    bool directory = tx->options & 1;
    if (tx->name.len)
        sek_json_bytes(out, directory ? "directory" : "filename", tx->name.data, tx->name.len);
    else
        sek_json_str(out, "filename", "<share_root>");
    sek_json_str(out, "disposition",
                 tx->disposition < 6 ? dispositions[tx->disposition] : "UNKNOWN");
    sek_json_str(out, "access", tx->options & 0x1000 ? "delete on close" : "normal");
    for (int i = 0; i < 4; i++) /* 100 ns since 1601 to seconds since 1970 */
        sek_json_int(out, times[i],
                     tx->times[i] ? (int64_t)(tx->times[i] / 10000000u) - 11644473600ll : 0);
    sek_json_uint(out, "size", tx->size);
    eve_fuid(out, tx);
}

static void eve_call(struct sek_text *out, const struct smb_state *s, const struct smb_tx *tx)
{
    const struct dce_call *c = &tx->call;
    sek_json_open(out, "dcerpc", '{');
    if (c->type[0] != DCE_NONE)
        sek_json_str(out, "request", dce_type_name(c->type[0]));
    sek_json_str(out, "response", c->type[1] == DCE_NONE ? "UNREPLIED" : dce_type_name(c->type[1]));
    if (c->type[0] == DCE_REQUEST)
        sek_json_uint(out, "opnum", c->opnum);
    dce_eve_call(out, c);
    if (c->type[0] == DCE_BIND || c->type[0] == DCE_ALTER)
        dce_eve_ifaces(out, &s->ifaces);
    sek_json_uint(out, "call_id", c->call_id);
    sek_json_close(out, '}');
}

static void eve_kind(struct sek_text *out, const struct smb_state *s, const struct smb_tx *tx)
{
    char text[16];
    switch (tx->kind) {
    case SMB_NEGOTIATE:
        eve_negotiate(out, tx);
        return;
    case SMB_SESSION:
        eve_session(out, tx);
        return;
    case SMB_TREE:
        eve_tree(out, tx);
        return;
    case SMB_CREATE:
        eve_create(out, tx);
        return;
    case SMB_FILE:
        eve_buffer(out, "filename", &tx->name);
        eve_fuid(out, tx);
        return;
    case SMB_CALL:
        eve_call(out, s, tx);
        return;
    case SMB_IOCTL:
        snprintf(text, sizeof text, "0x%08x", tx->function);
        sek_json_str(out, "function", text);
        return;
    case SMB_RENAME:
        sek_json_open(out, "rename", '{');
        eve_buffer(out, "from", &tx->old_name);
        eve_buffer(out, "to", &tx->name);
        sek_json_close(out, '}');
        return;
    case SMB_SET_INFO:
        eve_buffer(out, "filename", &tx->old_name);
        return;
    default:
        return;
    }
}

void smb_eve(struct sek_app_state *state, struct sek_tx *base, struct sek_text *out)
{
    const struct smb_state *s = (const struct smb_state *)state;
    const struct smb_tx *tx = (const struct smb_tx *)base;
    char number[8];
    sek_json_uint(out, "id", base->id + 1);
    if (tx->version == 2 && s->dialect)
        sek_json_str(out, "dialect", dialect2(s->dialect, number));
    else
        sek_json_str(out, "dialect", s->dialect1[0] ? s->dialect1 : "unknown");
    eve_command(out, tx);
    eve_status(out, tx);
    sek_json_uint(out, "session_id", tx->session);
    sek_json_uint(out, "tree_id", tx->tree);
    eve_kind(out, s, tx);
}
