/* The parts of the kernel's structures that the programs read. Only names and types count: where a
 * member lies is found when the program is loaded (CO-RE). */
#ifndef SEK_BPF_KERNEL_H
#define SEK_BPF_KERNEL_H

#define KERNEL __attribute__((preserve_access_index))

struct timespec64 {
    __s64 tv_sec;
    long tv_nsec;
} KERNEL;
struct super_block {
    __u32 s_dev;
    unsigned long s_flags;
} KERNEL;
typedef struct {
    int counter;
} atomic_t;
struct inode {
    __u16 i_mode;
    struct super_block *i_sb;
    unsigned long i_ino;
    __s64 i_size;
    atomic_t i_writecount;
} KERNEL;
/* The status change time has had three forms. */
struct inode___plain {
    struct timespec64 i_ctime;
} KERNEL;
struct inode___private {
    struct timespec64 __i_ctime;
} KERNEL;
struct inode___split {
    __s64 i_ctime_sec;
    __u32 i_ctime_nsec;
} KERNEL;
struct dentry {
    struct dentry *d_parent;
    struct inode *d_inode;
} KERNEL;
struct vfsmount {
    struct dentry *mnt_root;
    struct super_block *mnt_sb;
} KERNEL;
struct mount {
    struct mount *mnt_parent;
    struct dentry *mnt_mountpoint;
    struct vfsmount mnt;
    int mnt_id;
} KERNEL;
struct path {
    struct vfsmount *mnt;
    struct dentry *dentry;
} KERNEL;
struct file {
    struct inode *f_inode;
    struct path f_path;
    unsigned int f_mode;
} KERNEL;
struct fdtable {
    unsigned int max_fds;
    struct file **fd;
} KERNEL;
struct files_struct {
    struct fdtable *fdt;
} KERNEL;
struct mm_struct {
    unsigned long arg_start, arg_end, env_start, env_end;
    struct file *exe_file;
} KERNEL;
struct task_struct {
    int pid, tgid;
    struct mm_struct *mm;
    struct files_struct *files;
} KERNEL;
struct linux_binprm {
    struct file *file;
    const char *filename, *interp;
} KERNEL;
struct vm_area_struct {
    struct file *vm_file;
} KERNEL;

#endif
