/* NFS 2, 3 and 4 (RFC 1094, 1813, 7530, 8881) over ONC RPC (RFC 5531): what the parser's files share.
 *
 * A call and its reply are one transaction. What is written to or read from one file is a transaction
 * too: a file transaction, which later calls with the same handle add to. Names are remembered by
 * handle, since reads and writes tell only that. */
#ifndef SEK_APP_NFS_H
#define SEK_APP_NFS_H

#include "lib/app/kit.h"

enum nfs_event { NFS_EVENT_MALFORMED, NFS_EVENT_NO_VERSION, NFS_EVENT_VERSION,
                 NFS_EVENT_TOO_MANY_TX };

/* Procedures of version 3, and operations of version 4. */
enum { NFS3_NULL, NFS3_GETATTR, NFS3_SETATTR, NFS3_LOOKUP, NFS3_ACCESS, NFS3_READLINK, NFS3_READ,
       NFS3_WRITE, NFS3_CREATE, NFS3_MKDIR, NFS3_SYMLINK, NFS3_MKNOD, NFS3_REMOVE, NFS3_RMDIR,
       NFS3_RENAME, NFS3_LINK, NFS3_READDIR, NFS3_READDIRPLUS, NFS3_FSSTAT, NFS3_FSINFO,
       NFS3_PATHCONF, NFS3_COMMIT };
enum { NFS2_LOOKUP = 4, NFS2_READ = 6, NFS2_CREATE = 9, NFS2_REMOVE = 10, NFS2_RENAME = 11,
       NFS2_MKDIR = 14, NFS2_RMDIR = 15 };

#define RPC_AUTH_UNIX 1u

struct nfs_credentials {
    uint32_t flavor; /* RPC_AUTH_... */
    uint32_t uid, gid;
    struct sek_bytes machine; /* a view into the call */
};

struct nfs_tx {
    struct sek_tx base;
    uint32_t xid, version, procedure, status, rpc_status;
    uint32_t flavor, uid, gid;
    uint32_t handle_crc;
    bool is_file, has_handle, has_creds;
    struct sek_buffer text;
    struct sek_slice machine, name, to, handle; /* TO: the new name of a rename */
    /* of a file transaction */
    struct sek_file file;
    struct sek_buffer content;
    enum sek_dir file_dir;
    uint32_t chunks, last_xid;
};

/* What a reply needs to know of its call. */
struct nfs_call {
    struct nfs_call *next;
    uint32_t xid, version, procedure;
    uint64_t tx_id, offset; /* TX_ID: UINT64_MAX for none */
    struct sek_buffer name, handle;
};

/* The name of a handle. */
struct nfs_name {
    struct nfs_name *next;
    struct sek_buffer handle, name;
};

struct nfs_state {
    struct sek_app_state base;
    struct nfs_call *calls; /* newest first */
    uint32_t call_count;
    struct nfs_name *names; /* newest first */
    uint32_t name_count;
    struct {
        uint64_t tx_id;      /* of the file transaction whose data is still to come */
        uint32_t data, rest; /* bytes of it, and of the record after it */
        bool closes;         /* the file ends with these bytes */
    } open[2];
};

/* nfs.c */
struct nfs_tx *nfs_tx_open(struct nfs_state *s, enum sek_dir dir, uint32_t xid, uint32_t version,
                           uint32_t procedure);
void nfs_tx_credentials(struct nfs_state *s, struct nfs_tx *tx, const struct nfs_credentials *c);
struct nfs_tx *nfs_tx_by_id(struct nfs_state *s, uint64_t id);
/* An opaque of XDR with its length in front, and what fills it up to four bytes. */
struct sek_bytes nfs_opaque(struct sek_reader *r);

/* nfs_files.c */
void nfs_name_learn(struct nfs_state *s, struct sek_bytes handle, struct sek_bytes name);
struct sek_bytes nfs_name_of(const struct nfs_state *s, struct sek_bytes handle);
void nfs_names_free(struct nfs_state *s);
void nfs_tx_handle(struct nfs_state *s, struct nfs_tx *tx, struct sek_bytes handle);
/* The open file transaction of HANDLE in DIR, made when there is none yet. */
struct nfs_tx *nfs_file(struct nfs_state *s, enum sek_dir dir, struct sek_bytes handle,
                        uint32_t xid, uint32_t version, uint32_t procedure);
struct nfs_tx *nfs_file_find(struct nfs_state *s, enum sek_dir dir, struct sek_bytes handle);
/* DATA of the file at OFFSET, of which MORE bytes are still to come in this record. */
void nfs_file_data(struct nfs_state *s, struct nfs_tx *tx, uint64_t offset, struct sek_bytes data);
void nfs_file_close(struct nfs_tx *tx);
/* Opaque data in R, which may be cut at the end of what has arrived: taken as far as it goes; the
 * stream's rest is expected. */
void nfs_file_opaque(struct nfs_state *s, enum sek_dir dir, struct nfs_tx *tx, uint64_t offset,
                     struct sek_reader *r, bool closes);

/* nfs3.c: procedures of versions 2 and 3; nfs4.c: compounds of version 4. CALL is new for a request. */
void nfs3_request(struct nfs_state *s, enum sek_dir dir, struct nfs_call *call,
                  const struct nfs_credentials *creds, struct sek_reader *r);
void nfs3_reply(struct nfs_state *s, enum sek_dir dir, struct nfs_call *call, struct sek_reader *r);
void nfs4_request(struct nfs_state *s, enum sek_dir dir, struct nfs_call *call,
                  const struct nfs_credentials *creds, struct sek_reader *r);
void nfs4_reply(struct nfs_state *s, enum sek_dir dir, struct nfs_call *call, struct sek_reader *r);

/* nfs_rules.c */
extern const struct sek_buffer_def nfs_buffers[];
extern const struct sek_number_def nfs_numbers[];
extern const struct sek_test_def nfs_tests[];
void nfs_eve(struct sek_app_state *state, struct sek_tx *base, struct sek_text *out);
void nfs_eve_beside(struct sek_app_state *state, struct sek_tx *base, struct sek_text *out);

#endif
