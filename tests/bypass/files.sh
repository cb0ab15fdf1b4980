# Content and mounts that are exchanged. Sourced by run, twice: before the lock with before=1, when
# what is held open since then begins. STARTS says how much is done of what is done often.
STARTS=${STARTS:-1000}
if [ -n "${before:-}" ]; then
    for f in held-descriptor held-mapping; do
        cp /bin/true "$M/$f" && "$HELPERS/files" $f "$M/$f" "$O/evil" "$T/go" & HELD="${HELD:-} $!"
    done
    for i in 1 2 3 4 5 6 7 8 9; do cp /bin/true "$M/changed$i"; done
    mkdir -p "$M/deep" "$M/tenant"
    cp /bin/true "$M/steady"
    # Of Python: what is compiled from another source, and applications.
    has python3 || return 0
    mkdir -p "$M/pycache" "$O/pycache/__pycache__" "$O/appdir"
    echo '# victim' >"$M/pycache/victim.py"
    echo '# victim' >"$O/pycache/victim.py"
    echo 'import os; open(os.environ["SEK_MARK"], "w")' >"$O/appdir/__main__.py"
    python3 -c 'import py_compile, importlib.util as u, sys; py_compile.compile(sys.argv[1], u.cache_from_source(sys.argv[2]), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)' "$O/appdir/__main__.py" "$O/pycache/victim.py"
    (cd "$O/appdir" && python3 -m zipfile -c "$O/app" __main__.py)
    return 0
fi
fresh

touch "$T/go" && wait $HELD
try fanotify "written by a descriptor from before the lock" ./held-descriptor
try fanotify "written by a mapping from before the lock" ./held-mapping
try fanotify "written by a mapping that was read first, with the old times" sh -c './changed1 && exec ./files mapped-early changed1 "$0"' "$O/evil"
try fanotify "splice into a registered program" ./files splice changed2 "$O/evil"
try fanotify "sendfile into a registered program" ./files sendfile changed3 "$O/evil"
{ printf 'padding\n'; cat "$O/evil"; } >"$M/padded"
try fanotify "copy_file_range into a registered program" ./files copy-range changed4 padded
try fanotify "a hole punched into a registered program" ./files hole changed5 "$O/evil"
try fanotify "written by another name of the same file" sh -c 'ln changed6 other6 && ./changed6 && cat ../outside/evil >other6 && exec ./changed6'
try fanotify "appended to until it is another program" sh -c 'cat ../outside/evil >>changed7; truncate -s 0 changed7; cat ../outside/evil >>changed7; exec ./changed7'
try fanotify "deleted and made again in the same inode" sh -c 'for i in $(seq "$0"); do rm -f again; cp ../outside/evil again; ./again; done' $((STARTS / 20))
try fanotify "a symbolic link over a registered program" sh -c 'rm changed8; ln -s evil changed8; exec ./changed8'
try fanotify "a folder exchanged below a path" sh -c 'mkdir a b; cp changed9 a/x; cp ../outside/evil b/x; ./a/x; mv a c; mv b a; exec ./a/x'
try fanotify "by its handle" ./files handle "$M/evil" "$M"
try fanotify "by /proc/PID/exe of nobody, by a relative path of many dots" sh -c 'cd deep && exec ../deep/.././deep/../evil'
try fanotify "by a descriptor of its folder" sh -c 'exec 7<. && cd / && exec /proc/self/fd/7/evil'
try fanotify "as nobody" ./attack as-user "$M/evil"
try fanotify "among many starts" ./files among-many changed9 evil $((STARTS * 4 / 10))
cp "$O/evil" "$O/huge" && truncate -s "$((STARTS * 120 / 1000))M" "$O/huge" && cp --sparse=always "$O/huge" "$M/huge"
try fanotify "larger than 100 MB" ./huge
rm -f "$M/huge" "$O/huge"

# --- the loader, libraries -------------------------------------------------------------------------
fresh
try fanotify "ld.so --preload" "$loader" --preload "$M/evil.so" ./known3
try fanotify "ld.so --audit" "$loader" --audit "$M/evil.so" ./known3
has perl && try fanotify "ld.so --library-path" "$loader" --library-path "$M/libs" ./perl /dev/null
try fanotify "LD_PRELOAD by a relative path" env LD_PRELOAD=./evil.so ./changed9
has lua5.4 && cp "$O/evil.so" "$M/evilmod.so" && try fanotify "a C module of Lua" ./sh -eu cpath.sh
has python3 && {
    cp "$O/evil.so" "$M/evilext.so"
    try fanotify "an extension module of Python" env PYTHONPATH="$M" ./python3 import.py evilext
    try fanotify "a compiled module of Python, put into __pycache__" env PYTHONPATH="$M/pycache" ./python3 import.py victim
    try fanotify "a zip application of Python" sh -c './python3 app'
    try fanotify "a folder as an application of Python" ./python3 appdir
}
has perl && {
    try fanotify "do FILE of Perl" ./perl do.pl ./evil.pl
}
has node && {
    cp "$O/evil.so" "$M/evil.node"
    try fanotify "an add-on of Node" ./node require.js ./evil.node
    try fanotify "require of Node" ./node require.js ./evil2.js
}
has tclsh && try fanotify "source of Tcl" ./tclsh source.tcl evil.tcl

# --- scripts in odd forms ----------------------------------------------------------------------------
fresh
odd() { rm -f "$M/odd"; printf "$2" >"$M/odd"; chmod 755 "$M/odd"; try fanotify "$1" ./odd; }
odd "a script with an interpreter by a relative path" '#!./sh\n: >"$SEK_MARK"\n'
odd "a script with blanks before its interpreter" '#!   /bin/sh  \n: >"$SEK_MARK"\n'
odd "a script with a very long first line" "#!/bin/sh $(printf '%0200d' 0 | tr 0 ' ')\\n: >\"\$SEK_MARK\"\\n"
for f in 'a line feed in front:\n#!/bin/sh\n' 'a blank in front: #!/bin/sh\n' 'a byte order mark in front:\357\273\277#!/bin/sh\n' 'no first line:'; do
    rm -f "$M/odd"
    printf "${f#*:}: >\"\$SEK_MARK\"\n" >"$M/odd" && chmod 755 "$M/odd"
    try fanotify "a script with ${f%%:*}, read by sh" ./sh odd
    try fanotify "a script with ${f%%:*}, started by a shell" ./sh start.sh ./odd
done
rm -f "$M/odd"
printf '#!./sh\r\n: >"$SEK_MARK"\n' >"$M/odd" && chmod 755 "$M/odd" && cp "$M/sh" "$M/sh$(printf '\r')"
try fanotify "a script with carriage returns" ./odd
i=0
printf '#!/bin/sh\n: >"$SEK_MARK"\n' >"$M/nest0"
while [ $i -lt 4 ]; do printf '#!./nest%s\n' $i >"$M/nest$((i + 1))"; i=$((i + 1)); done
chmod 755 "$M"/nest*
try fanotify "a script four levels deep" ./nest3
try fanotify "env -S in the first line" sh -c 'rm odd; printf "#!/usr/bin/env -S ./sh -e\n: >\"\$SEK_MARK\"\n" >odd; chmod 755 odd; exec ./odd'
command -v cc >/dev/null && try fanotify "a program just linked" sh -c "cc -O0 -o new '$here/evil.c' && exec ./new"

# --- mounts --------------------------------------------------------------------------------------------
fresh
if command -v unshare >/dev/null && command -v nsenter >/dev/null; then
    try ebpf "over /proc/PID/root of another namespace" ./files tenant "$O/evil" "$M/tenant" root
    try ebpf "over /proc/PID/cwd of another namespace" ./files tenant "$O/evil" "$M/tenant" cwd
    if is_chroot; then
        leave_out "in another namespace" "who enters one leaves this chroot"
    else
        try ebpf "in another namespace" ./files tenant "$O/evil" "$M/tenant" setns
    fi
    cp "$O/evil-static" "$M/static"
    try fanotify "after pivot_root" unshare -m sh -c "mount --bind '$M' '$M' && cd '$M' && mkdir -p old && pivot_root . old && export SEK_MARK=/old$SEK_MARK && exec /static"
fi
mount --bind "$O/evil" "$M/changed9"
try ebpf "a file bound over a registered program" ./changed9
umount "$M/changed9"
try ebpf "fsopen, fsmount, move_mount" ./files new-mount "$O/evil" "$M/sub2"
umount "$M/sub2" 2>/dev/null
try fanotify "open_tree, move_mount" ./files tree "$M" "$T/other" evil
umount "$T/other" 2>/dev/null
mount -t tmpfs -o mode=777 tmpfs "$M/sub2" && umount "$M/sub2" && mount -t tmpfs -o mode=777 tmpfs "$M/sub2" && cp "$O/evil" "$M/sub2/evil"
try fanotify "unmounted and mounted again at the same place" "$M/sub2/evil"
mount --move "$M/sub2" "$T/other" 2>/dev/null || mount --bind "$M/sub2" "$T/other"
try ebpf "a mount of the scope moved elsewhere" sh -c "sleep 0.2; exec '$T/other/evil'"
umount "$T/other"
grep -q " $M/sub2 " /proc/mounts && umount "$M/sub2"
mount -o remount,mode=755 "$M"
try fanotify "the scope remounted" ./evil
mount -t tmpfs -o mode=755 tmpfs "$M" && cp "$O/evil" "$M/evil"
try ebpf "another file system over the scope" "$M/evil"
umount "$M"

# --- what must go on working -----------------------------------------------------------------------------
: >"$T/outside/empty"
must "$STARTS times ten starts" sh -c 'i=0; while [ $i -lt "$0" ]; do ./steady && ./steady && ./steady && ./steady && ./steady && ./steady && ./steady && ./steady && ./steady && ./steady || exit; i=$((i + 1)); done; : >"$SEK_MARK"' "$STARTS"
must "links, modes, owners and names of a registered program" sh -c 'for i in 1 2 3; do ln steady linked$i; chmod 700 steady; ./linked$i || exit; chmod 755 steady; chown 1 steady; ./steady || exit; chown 0 steady; touch steady; mv steady renamed; ./renamed || exit; mv renamed steady; ./steady || exit; done; : >"$SEK_MARK"'
must "a registered program that is copied, moved and packed" sh -c 'cp steady copied && ./copied && mv copied moved && ./moved && tar cf packed.tar steady && mkdir -p unpacked && tar xf packed.tar -C unpacked && ./unpacked/steady && : >"$SEK_MARK"'
must "what an updater has just installed" sh -c './updater "$0" installed && ./installed' "$O/evil"
must "a log that is turned over" sh -c 'for i in $(seq 200); do echo line >>log; [ $((i % 50)) -ne 0 ] || mv log log.$i; done; cat log.* >/dev/null && : >"$SEK_MARK"'
must "files that are written, read and rewritten" sh -c 'for i in $(seq "$0"); do echo $i >data$((i % 7)); cat data* >/dev/null || exit; done; sort data* | sort >sorted; : >"$SEK_MARK"' $((STARTS * 3 / 10))
must "many registered programs at once" sh -c 'for i in $(seq "$((STARTS / 5))"); do ./steady & done; wait; ./steady && : >"$SEK_MARK"'
must "a build without running what it built" sh -c 'command -v cc >/dev/null || { : >"$SEK_MARK"; exit; }; printf "int f(void) { return 1; }\n" >f.c && rm -f libf.a && cc -c f.c && ld -r -o g.o f.o && ar rc libf.a f.o g.o && : >"$SEK_MARK"'
