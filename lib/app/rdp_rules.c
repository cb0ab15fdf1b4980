/* RDP keywords and records. */
#include "lib/app/rdp.h"

static const char *const step_words[] = {"initial_request", "0", "initial_response", "1",
                                         "connect_request", "2", "connect_response", "3",
                                         "tls_handshake", "4", NULL};
static const char *const protocol_words[] = {"rdp", "0", "ssl", "1", "hybrid", "2", "rds_tls", "4",
                                             "hybrid_ex", "8", NULL};
static const char *const error_words[] = {
    "ssl required by server", "1", "ssl not allowed by server", "2", "ssl cert not on server", "3",
    "inconsistent flags", "4", "hybrid required by server", "5",
    "ssl with user auth required by server", "6", NULL};
static const char *const request_flags[] = {"restricted_admin_mode_required", "1",
                                            "redirected_authentication_mode_required", "2",
                                            "correlation_info_present", "8", NULL};
static const char *const response_flags[] = {"extended_client_data", "1", "dynvc_gfx", "2",
                                             "restricted_admin", "8", "redirected_authentication",
                                             "16", NULL};
static const char *const version_words[] = {
    "v4", "0x00080001", "v5", "0x00080004", "v10.0", "0x00080005", "v10.1", "0x00080006", "v10.2",
    "0x00080007", "v10.3", "0x00080008", "v10.4", "0x00080009", "v10.5", "0x0008000a", "v10.6",
    "0x0008000b", "v10.7", "0x0008000c", NULL};
static const char *const build_words[] = {
    "Windows NT 4.0", "1381", "Windows 2000", "2195", "Windows XP", "2600", "Windows Server 2003",
    "3790", "Windows Vista", "6000", "Windows Vista SP1", "6001", "Windows Vista SP2", "6002",
    "Windows 7", "7600", "Windows 7 SP1", "7601", "Windows 8", "9200", "Windows 8.1", "9600",
    "Windows 10", "10240", "Windows 10 Version 1511", "10586", "Windows 10 Version 1607", "14393",
    "Windows 10 Version 1703", "15063", "Windows 10 Version 1709", "16299",
    "Windows 10 Version 1803", "17134", "Windows 10 Version 1809", "17763",
    "Windows 10 Version 1903", "18362", "Windows 10 Version 1909", "18363", NULL};
static const char *const layout_words[] = {
    "ar-SA", "0x401", "zh-TW", "0x404", "cs-CZ", "0x405", "da-DK", "0x406", "de-DE", "0x407",
    "el-GR", "0x408", "en-US", "0x409", "es-ES", "0x40a", "fi-FI", "0x40b", "fr-FR", "0x40c",
    "he-IL", "0x40d", "hu-HU", "0x40e", "it-IT", "0x410", "ja-JP", "0x411", "ko-KR", "0x412",
    "nl-NL", "0x413", "nb-NO", "0x414", "pl-PL", "0x415", "pt-BR", "0x416", "ro-RO", "0x418",
    "ru-RU", "0x419", "sv-SE", "0x41d", "th-TH", "0x41e", "tr-TR", "0x41f", "uk-UA", "0x422",
    "vi-VN", "0x42a", "zh-CN", "0x804", "en-GB", "0x809", "pt-PT", "0x816", "fr-CA", "0xc0c",
    NULL};
static const char *const keyboard_words[] = {"xt", "1", "ico", "2", "at", "3", "enhanced", "4",
                                             "1050", "5", "9140", "6", "jp", "7", NULL};
static const char *const capability_words[] = {
    "support_errinfo_pdf", "0x0001", "want_32bpp_session", "0x0002", "support_statusinfo_pdu",
    "0x0004", "strong_asymmetric_keys", "0x0008", "valid_connection_type", "0x0020",
    "support_monitor_layout_pdu", "0x0040", "support_netchar_autodetect", "0x0080",
    "support_dynvc_gfx_protocol", "0x0100", "support_dynamic_time_zone", "0x0200",
    "support_heartbeat_pdu", "0x0400", NULL};
static const char *const connection_words[] = {"modem", "1", "low_broadband", "2", "satellite",
                                               "3", "high_broadband", "4", "wan", "5", "lan", "6",
                                               "autodetect", "7", NULL};

SEK_SLICE_GETTER(get_cookie, rdp_tx, cookie)
SEK_SLICE_GETTER(get_client_name, rdp_tx, client_name)
SEK_SLICE_GETTER(get_product_id, rdp_tx, product_id)
SEK_NUMBER_GETTER(get_step, rdp_tx, true, tx->step)
SEK_NUMBER_GETTER(get_requested, rdp_tx, tx->step == RDP_INITIAL_REQUEST && tx->negotiated,
                  tx->protocol)
SEK_NUMBER_GETTER(get_protocol, rdp_tx, tx->step == RDP_INITIAL_RESPONSE && !tx->failed,
                  tx->protocol)
SEK_NUMBER_GETTER(get_error, rdp_tx, tx->failed, tx->protocol)
SEK_NUMBER_GETTER(get_build, rdp_tx, tx->has_core, tx->build)
SEK_NUMBER_GETTER(get_layout, rdp_tx, tx->has_core, tx->keyboard_layout)

static bool get_channel(struct sek_app_state *s, struct sek_tx *base, enum sek_dir dir, uint32_t i,
                        struct sek_bytes *out)
{
    const struct rdp_tx *tx = (const struct rdp_tx *)base;
    (void)s, (void)dir;
    return i < tx->channel_count && sek_slice_give(&tx->text, tx->channels[i], out);
}

#define DONE {1, 1}

const struct sek_buffer_def rdp_buffers[] = {
    {"rdp.cookie", NULL, NULL, 1, DONE, false, false, get_cookie},
    {"rdp.client_name", NULL, NULL, 1, DONE, false, false, get_client_name},
    {"rdp.client_product_id", NULL, NULL, 1, DONE, false, false, get_product_id},
    {"rdp.channel", NULL, NULL, 1, DONE, true, false, get_channel},
    {0},
};

const struct sek_number_def rdp_numbers[] = {
    {"rdp.event_type", 3, DONE, get_step, step_words},
    {"rdp.requested_protocols", 1, DONE, get_requested, protocol_words, true},
    {"rdp.protocol", 2, DONE, get_protocol, protocol_words},
    {"rdp.error_code", 2, DONE, get_error, NULL},
    {"rdp.client_build", 1, DONE, get_build, NULL},
    {"rdp.keyboard_layout", 1, DONE, get_layout, layout_words},
    {0},
};

static void bits_json(struct sek_text *out, const char *key, const char *const *words,
                      uint32_t bits)
{
    if (!bits)
        return;
    sek_json_open(out, key, '[');
    for (; *words; words += 2) {
        uint64_t bit;
        if (sek_word_value(words, *words, &bit) && bits & bit)
            sek_json_str(out, NULL, *words);
    }
    sek_json_close(out, ']');
}

static void word_json(struct sek_text *out, const char *key, const char *const *words, uint32_t v,
                      const char *other)
{
    const char *w = sek_word(words, v);
    if (w || other)
        sek_json_str(out, key, w ? w : other);
}

static void response_json(struct sek_text *out, const struct rdp_tx *tx)
{
    if (tx->failed) {
        sek_json_uint(out, "error_code", tx->protocol);
        word_json(out, "reason", error_words, tx->protocol, "unknown");
    } else if (tx->negotiated) {
        bits_json(out, "server_supports", response_flags, tx->flags);
        word_json(out, "protocol", protocol_words, tx->protocol, NULL);
    }
}

static void client_json(struct sek_text *out, const struct rdp_tx *tx)
{
    sek_json_open(out, "client", '{');
    word_json(out, "version", version_words, tx->version, "unknown");
    sek_json_uint(out, "desktop_width", tx->width);
    sek_json_uint(out, "desktop_height", tx->height);
    if (tx->has_depth)
        sek_json_uint(out, "color_depth", tx->depth);
    word_json(out, "keyboard_layout", layout_words, tx->keyboard_layout & 0xffff, NULL);
    word_json(out, "build", build_words, tx->build, NULL);
    sek_slice_json(out, "client_name", &tx->text, tx->client_name);
    word_json(out, "keyboard_type", keyboard_words, tx->keyboard_type, NULL);
    if (tx->keyboard_subtype)
        sek_json_uint(out, "keyboard_subtype", tx->keyboard_subtype);
    if (tx->function_keys)
        sek_json_uint(out, "function_keys", tx->function_keys);
    sek_slice_json(out, "ime", &tx->text, tx->ime);
    if (tx->has_product)
        sek_json_uint(out, "product_id", tx->product);
    if (tx->has_serial)
        sek_json_uint(out, "serial_number", tx->serial);
    if (tx->has_capabilities)
        bits_json(out, "capabilities", capability_words, tx->capabilities);
    sek_slice_json(out, "id", &tx->text, tx->product_id);
    if (tx->has_connection)
        word_json(out, "connection_hint", connection_words, tx->connection_type, NULL);
    sek_json_close(out, '}');
}

void rdp_eve(struct sek_app_state *state, struct sek_tx *base, struct sek_text *out)
{
    const struct rdp_tx *tx = (const struct rdp_tx *)base;
    (void)state;
    sek_json_uint(out, "tx_id", tx->base.id);
    sek_json_str(out, "event_type", sek_word(step_words, tx->step));
    if (tx->step == RDP_INITIAL_REQUEST) {
        sek_slice_json(out, "cookie", &tx->text, tx->cookie);
        bits_json(out, "flags", request_flags, tx->flags);
    } else if (tx->step == RDP_INITIAL_RESPONSE) {
        response_json(out, tx);
    } else if (tx->step == RDP_CONNECT_REQUEST) {
        if (tx->has_core)
            client_json(out, tx);
        if (tx->channel_count) {
            sek_json_open(out, "channels", '[');
            for (unsigned i = 0; i < tx->channel_count; i++)
                sek_slice_json(out, NULL, &tx->text, tx->channels[i]);
            sek_json_close(out, ']');
        }
    }
}
