/* SMB 1 ([MS-CIFS], [MS-SMB]) and SMB 2 and 3 ([MS-SMB2]) over NetBIOS session messages (RFC 1002)
 * or directly over TCP: what the files of the parser share. */
#ifndef SEK_APP_SMB_H
#define SEK_APP_SMB_H

#include "lib/app/app.h"
#include "lib/app/dcerpc.h"
#include "lib/app/file.h"

enum { SMB_STARTED, SMB_COMPLETE };

enum smb_event {
    SMB_EVENT_INTERNAL_ERROR,
    SMB_EVENT_MALFORMED,
    SMB_EVENT_RECORD_OVERFLOW,
    SMB_EVENT_NTLMSSP,
    SMB_EVENT_DIALECTS,
    SMB_EVENT_DUPLICATE_NEGOTIATE,
    SMB_EVENT_FILE_OVERLAP,
    SMB_EVENT_REQUEST_TO_CLIENT,
    SMB_EVENT_RESPONSE_TO_SERVER,
    SMB_EVENT_READ_SIZE,
    SMB_EVENT_WRITE_SIZE,
    SMB_EVENT_READ_REQUEST,
    SMB_EVENT_READ_RESPONSE,
    SMB_EVENT_READ_QUEUE_SIZE,
    SMB_EVENT_READ_QUEUE_COUNT,
    SMB_EVENT_WRITE_REQUEST,
    SMB_EVENT_WRITE_QUEUE_SIZE,
    SMB_EVENT_WRITE_QUEUE_COUNT,
    SMB_EVENT_TOO_MANY,
};

enum smb_frame {
    SMB_FRAME_NBSS_PDU, SMB_FRAME_NBSS_HDR, SMB_FRAME_NBSS_DATA,
    SMB_FRAME_1_PDU, SMB_FRAME_1_HDR, SMB_FRAME_1_DATA,
    SMB_FRAME_2_PDU, SMB_FRAME_2_HDR, SMB_FRAME_2_DATA,
    SMB_FRAME_3_PDU, SMB_FRAME_3_HDR, SMB_FRAME_3_DATA,
};

enum smb_kind {
    SMB_GENERIC, SMB_NEGOTIATE, SMB_SESSION, SMB_TREE, SMB_CREATE, SMB_FILE, SMB_CALL, SMB_IOCTL,
    SMB_SET_INFO, SMB_RENAME,
};

struct smb_handle;

struct smb_tx {
    struct sek_tx base;
    enum smb_kind kind;
    uint8_t version; /* 1 or 2 */
    bool pipe;       /* a tree connect to IPC$, by its name */
    bool pipe_told;  /* the server said so */
    uint16_t command;
    uint64_t key;    /* message id; SMB 1: process and multiplex id */
    uint64_t session;
    uint32_t tree, status;
    bool has_status;
    struct sek_buffer name; /* share, file, or new name of a rename */
    struct sek_buffer old_name, service, service_answer;
    struct sek_buffer user, domain, host, blob_version, native_os, native_lm;
    struct sek_buffer dialects; /* offered, each with a NUL */
    bool ntlmssp;
    /* CREATE */
    uint32_t access, disposition, options;
    uint64_t times[4], size;
    uint8_t fid[16];
    uint64_t offset;   /* of a read */
    uint32_t function; /* IOCTL */
    uint16_t dialect_index;
    uint8_t info_class, info_level, share_type;
    uint8_t guid[2][16]; /* client, server */
    uint32_t max_read, max_write;
    struct dce_call call;
};

/* An open file or pipe. */
#define SMB_HANDLES_MAX 256
#define SMB_TREES_MAX   64

struct smb_piece { /* of a file, waiting for what is before it */
    struct smb_piece *next;
    uint64_t offset;
    struct sek_buffer data;
};

struct smb_handle {
    struct smb_handle *next;
    uint8_t fid[16];
    uint32_t tree;
    struct sek_buffer name;
    struct sek_buffer pending[2];  /* the beginning of a PDU in a pipe */
    struct smb_tx *file_tx[2];
    struct sek_app_file *file[2];
    uint64_t expected[2];          /* offset of the next byte of the file */
    struct smb_piece *pieces[2];
    uint32_t piece_count[2], piece_bytes[2];
};

struct smb_tree {
    uint32_t id;
    bool pipe;
};

struct smb_side {
    uint64_t next;          /* stream offset after what was taken */
    uint32_t record_left;   /* of an NBSS record whose head was read */
    uint32_t file_skip;     /* of it, before the content */
    uint32_t file_left;     /* of it, content */
    uint64_t file_offset;
    struct smb_handle *handle;
    bool resync;
};

struct smb_state {
    struct sek_app_state base;
    struct smb_side side[2];
    struct smb_handle *handles; /* newest first */
    unsigned handle_count;
    struct smb_tree trees[SMB_TREES_MAX];
    unsigned tree_next;
    struct dce_ifaces ifaces;
    uint16_t dialect; /* of SMB 2; 0: SMB 1 */
    char dialect1[24];
    bool negotiated;
};

/* One SMB message: its bytes from the magic on, which may be fewer than it says (a long read or
 * write that still arrives). */
struct smb_record {
    enum sek_dir dir;
    struct sek_bytes all;
    uint32_t at; /* of all.data in what parse() was given */
    uint32_t missing;
};

/* --- smb.c --- */
struct smb_tx *smb_tx_new(struct smb_state *s, enum smb_kind kind, uint8_t version,
                          uint16_t command);
/* The transaction that a response with KEY belongs to, or a new one. */
struct smb_tx *smb_tx_answered(struct smb_state *s, uint8_t version, uint16_t command,
                               uint64_t key);
void smb_tx_done(struct smb_tx *tx, enum sek_dir dir);
/* UTF-16LE to UTF-8 up to the first NUL; plain bytes when not UNICODE. */
void smb_text(struct smb_state *s, struct sek_buffer *out, struct sek_bytes in, bool unicode);
void smb_security_blob(struct smb_state *s, struct smb_tx *tx, struct sek_bytes blob);

/* --- smb1.c, smb2.c --- */
void smb1_message(struct smb_state *s, const struct smb_record *rec);
void smb2_message(struct smb_state *s, const struct smb_record *rec);

/* --- smb_file.c --- */
void smb_tree_set(struct smb_state *s, uint32_t id, bool pipe);
struct smb_handle *smb_handle_get(struct smb_state *s, const uint8_t fid[16], uint32_t tree);
void smb_handle_free(struct smb_state *s, const uint8_t fid[16]);
void smb_handles_free(struct smb_state *s);
/* For tx_free: nothing may point at TX any more. */
void smb_handles_forget(struct smb_state *s, const struct smb_tx *tx);
/* Content of a file or pipe; MISSING more bytes of it follow after this record's end. */
void smb_content(struct smb_state *s, const struct smb_record *rec, uint8_t version,
                 struct smb_handle *h, uint64_t offset, struct sek_bytes data, uint32_t missing);
void smb_file_data(struct smb_state *s, struct smb_handle *h, uint8_t version, enum sek_dir dir,
                   uint64_t offset, struct sek_bytes data);
/* Bytes of a pipe: DCE/RPC. TX: the transaction that carried them becomes the call when it can. */
void smb_pipe_data(struct smb_state *s, struct smb_handle *h, struct smb_tx *tx, uint8_t version,
                   enum sek_dir dir, struct sek_bytes data);

/* --- smb_eve.c --- */
void smb_eve(struct sek_app_state *state, struct sek_tx *tx, struct sek_text *out);

#endif
