/* The list of all keywords, as docs/rules.md has it: made from the same tables that read rules, so that it
 * cannot say anything else. */
#include "lib/rules/keywords.h"

#include "lib/app/buffers.h"
#include "lib/rules/builder.h"

/* Where a protocol is defined. */
static const char *source_of(const char *name)
{
    static const struct {
        const char *name, *source;
    } table[] = {
        {"http", "RFC 9110, 9112"}, {"http2", "RFC 9113, 7541"}, {"doh2", "RFC 8484"},
        {"tls", "RFC 8446, 5246, 6520, 7301; JA3, JA4"}, {"dns", "RFC 1035, 3596"}, {"mdns", "RFC 6762"},
        {"mqtt", "OASIS MQTT 3.1.1 and 5.0"}, {"coap", "RFC 7252, 7641, 7959"},
        {"modbus", "Modbus Application Protocol 1.1b3"}, {"dnp3", "IEEE 1815"},
        {"enip", "ODVA EtherNet/IP, CIP volumes 1 and 2"}, {"bacnet", "ASHRAE 135 annex J"},
        {"s7comm", "RFC 1006, ISO 8073; published descriptions"}, {"iec104", "IEC 60870-5-104"},
        {"opcua", "OPC 10000-6"}, {"ssh", "RFC 4253; HASSH"}, {"smb", "MS-CIFS, MS-SMB2, MS-NLMP"},
        {"dcerpc", "C706, MS-RPCE"}, {"smtp", "RFC 5321, 5322, 2045, 3030, 3207"},
        {"ftp", "RFC 959, 2428, 4217"}, {"ftp-data", "RFC 959"}, {"nfs", "RFC 1094, 1813, 7530, 5531"},
        {"tftp", "RFC 1350, 2347"}, {"dhcp", "RFC 2131, 2132"}, {"snmp", "RFC 1157, 3416, 3412"},
        {"ntp", "RFC 5905"}, {"sip", "RFC 3261, 8866"}, {"ike", "RFC 7296, 2409"},
        {"krb5", "RFC 4120"}, {"rdp", "MS-RDPBCGR"}, {"quic", "RFC 9000, 9001, 9369"},
        {"websocket", "RFC 6455, 7692"}, {"telnet", "RFC 854"}, {"ldap", "RFC 4511"},
        {"rfb", "RFC 6143"}, {"imap", "RFC 9051"}, {"pop3", "RFC 1939"},
        {"pgsql", "PostgreSQL frontend/backend protocol 3"}, {"bittorrent-dht", "BEP 5"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (!strcmp(table[i].name, name))
            return table[i].source;
    return "";
}

static void table(struct sek_text *out, const char *title, const struct keyword *k)
{
    sek_text_printf(out, "\n### %s\n\n| keyword | meaning |\n|---|---|\n", title);
    for (; k->name; k++)
        sek_text_printf(out, "| `%s` | %s%s |\n", k->name, k->summary,
                        !strncmp(k->summary, "refused", 7) ? " (**not supported**)" : "");
}

static const char *directions(uint8_t dirs)
{
    return dirs == 1 ? "to server" : dirs == 2 ? "to client" : "both";
}

static void buffers(struct sek_text *out, const struct sek_app_ops *ops)
{
    if (!ops->buffers || !ops->buffers->name)
        return;
    sek_text_puts(out, "\n| buffer | older names | direction | several |\n|---|---|---|---|\n");
    for (const struct sek_buffer_def *d = ops->buffers; d->name; d++) {
        const char *alias = d->alias ? d->alias : "", *modifier = d->modifier ? d->modifier : "";
        sek_text_printf(out, "| `%s` | %s%s%s | %s | %s |\n", d->name, alias,
                        *alias && *modifier && strcmp(alias, modifier) ? ", " : "",
                        strcmp(alias, modifier) ? modifier : "", directions(d->dirs),
                        d->multi ? "yes" : "");
    }
}

static void numbers(struct sek_text *out, const struct sek_app_ops *ops)
{
    bool any = (ops->numbers && ops->numbers->name) || (ops->tests && ops->tests->name);
    if (!any)
        return;
    sek_text_puts(out, "\n| keyword with a value | direction | words |\n|---|---|---|\n");
    for (const struct sek_number_def *d = ops->numbers; d && d->name; d++) {
        sek_text_printf(out, "| `%s` | %s | ", d->name, directions(d->dirs));
        unsigned n = 0;
        for (const char *const *w = d->words; w && *w && n < 12; w += 2, n++)
            sek_text_printf(out, "%s%s", n ? ", " : "", *w);
        sek_text_puts(out, n == 12 ? ", ... |\n" : " |\n");
    }
    for (const struct sek_test_def *d = ops->tests; d && d->name; d++)
        sek_text_printf(out, "| `%s` | %s | form of its own |\n", d->name, directions(d->dirs));
}

static void list(struct sek_text *out, const char *title, const char *prefix, const char *const *names)
{
    if (!names || !*names)
        return;
    sek_text_printf(out, "\n%s: ", title);
    for (const char *const *n = names; *n; n++)
        sek_text_printf(out, "%s`%s%s`", n == names ? "" : ", ", prefix, *n);
    sek_text_puts(out, "\n");
}

static void protocol(struct sek_text *out, const struct sek_app_ops *ops)
{
    const char *source = source_of(ops->name);
    sek_text_printf(out, "\n### %s\n\n%s%s%s over %s%s%s.\n", ops->name, "Record `", ops->eve_key, "`,",
                    ops->transports == 3 ? "TCP and UDP" : ops->transports == 1 ? "TCP" : "UDP",
                    *source ? "; source: " : "", source);
    buffers(out, ops);
    numbers(out, ops);
    list(out, "Frames", "", ops->frames);
    if (!ops->events || !ops->events->name)
        return;
    sek_text_printf(out, "\nEvents (`app-layer-event:%s.` ...): ", ops->name);
    for (const struct sek_app_event_name *e = ops->events; e->name; e++)
        sek_text_printf(out, "%s`%s`", e == ops->events ? "" : ", ", e->name);
    sek_text_puts(out, "\n");
}

void sek_keywords_document(struct sek_text *out)
{
    sek_text_puts(out,
                  "# The rule language\n\n"
                  "Rules are written in Suricata's language (its user guide, chapter Rules, is the source for "
                  "every keyword below unless a protocol names another). This list is printed by "
                  "`sekisho-gateway rules keywords`; a test keeps it in step. What is not listed here is "
                  "refused with file, line, sid, option and reason.\n\n"
                  "Actions: `alert`, `pass`, `drop`, `reject`, `rejectsrc`, `rejectdst`, `rejectboth`, `config`. "
                  "Directions: `->`, `<>`, `=>`. Protocols of the header: `ip`, `ip4`, `ip6`, `tcp`, `tcp-pkt`, "
                  "`tcp-stream`, `udp`, `icmp`, `icmpv4`, `icmpv6`, `sctp`, `ipsec`, `pkthdr`, and those of the "
                  "application below.\n\n## Keywords of every rule\n");
    table(out, "The rule itself", sek_meta_keywords);
    table(out, "Content", sek_content_keywords);
    table(out, "Bytes", sek_byte_keywords);
    table(out, "Packets", sek_packet_keywords);
    table(out, "Flows", sek_flow_keywords);
    table(out, "Buffers of packets, transforms, frames", sek_buffer_keywords);
    table(out, "Memory", sek_state_keywords);
    table(out, "Thresholds", sek_threshold_keywords);
    table(out, "Sets and files", sek_data_keywords);
    sek_text_puts(out, "\n## Application protocols\n");
    for (int app = 0; app < SEK_APP_COUNT; app++)
        if (sek_app_ops(app))
            protocol(out, sek_app_ops(app));
}
