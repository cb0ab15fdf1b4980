# Code that is no file: on command lines, in the environment, from standard input. Sourced by run.
# `has X` asks whether the interpreter X was registered; `must` is what has to go on working.
PY='import os; open(os.environ["SEK_MARK"], "w")'
PL='open(F, ">", $ENV{SEK_MARK});'
LUA='io.open(os.getenv("SEK_MARK"), "w")'
JS='require("fs").writeFileSync(process.env.SEK_MARK, "")'
AWK='BEGIN { printf "" > ENVIRON["SEK_MARK"] }'
SH=': >"$SEK_MARK"'
long=$(printf '%0300d' 0)
pad=$(for i in $(seq 90); do printf -- '-e '; done)

try ebpf "sh -c" ./sh -c "$SH"
try ebpf "sh -ec" ./sh -ec "$SH"
try ebpf "sh +x -c" ./sh +x -c "$SH"
try ebpf "sh -o errexit -c" ./sh -o errexit -c "$SH"
try ebpf "sh with hundreds of options before -c" ./sh $pad $pad $pad -c "$SH"
try ebpf "env sh -c" env -S "$M/sh -c ':>\$SEK_MARK'"
try ebpf "find -exec sh -c" find . -maxdepth 0 -exec ./sh -c "$SH" \;
try ebpf "xargs sh -c" sh -c 'echo ":>\$SEK_MARK" | xargs -0 ./sh -c'
try ebpf "a script by standard input, a file" sh -c './sh <evil.txt'
try ebpf "a script by standard input, a pipe" sh -c 'cat evil.txt | ./sh'
try ebpf "a script by standard input, a here-document" sh -c './sh <<X
: >"$SEK_MARK"
X'
try ebpf "sh /dev/stdin from a pipe" sh -c 'cat evil.txt | ./sh /dev/stdin'
try ebpf "sh /dev/fd/N from a pipe" sh -c 'cat evil.txt | ./sh /dev/fd/3 3<&0 </dev/null'
try fanotify "sh /dev/stdin from a file" sh -c './sh /dev/stdin <evil.txt'
try ebpf "sh - from a pipe" sh -c 'cat evil.txt | ./sh -'
try ebpf "PS4 with a command, sh -x" env PS4='$(: >"$SEK_MARK")' ./sh -x idle.sh
has bash && {
    try ebpf "bash -c after +B" ./bash +B -c "$SH"
    try ebpf "bash: a function in the environment" env 'BASH_FUNC_true%%=() { : >"$SEK_MARK"; }' ./bash idle.sh
    try ebpf "BASH_ENV" env BASH_ENV="$M/evil.txt" ./bash idle.sh
    try ebpf "BASH_ENV behind many variables" env $(for i in $(seq 300); do echo V$i=$i; done) BASH_ENV="$M/evil.txt" ./bash idle.sh
    try ebpf "BASH_ENV behind a long variable" env A=$long BASH_ENV="$M/evil.txt" ./bash idle.sh
    try fanotify "bash --rcfile" ./bash --rcfile evil.txt -i idle.sh
}
has busybox && {
    try ebpf "busybox sh -c" ./busybox sh -c "$SH"
    try ebpf "busybox, twice, ash -c" ./busybox busybox ash -c "$SH"
    try ebpf "busybox awk" ./busybox awk "$AWK"
    try ebpf "busybox sh from a pipe" sh -c 'cat evil.txt | ./busybox sh'
    try fanotify "busybox sh: a script" ./busybox sh evil.txt
    mkdir -p "$M/applets" && ln -sf ../busybox "$M/applets/awk"
    try ebpf "busybox over a link that is called awk" ./applets/awk "$AWK"
}
for a in awk gawk; do
    has $a || continue
    try ebpf "$a: a program on the command line" ./$a "$AWK"
    try ebpf "$a -F : -v x=1 PROGRAM" ./$a -F : -v x=1 "$AWK"
    try ebpf "$a -- PROGRAM" ./$a -- "$AWK"
    try fanotify "$a -f" ./$a -f evil.aw
    try fanotify "$a -f, the second of two" ./$a -f idle.awk -f evil.aw
    try ebpf "$a -f - from a file" sh -c "./$a -f - <evil.aw"
    try ebpf "$a -f /dev/stdin from a pipe" sh -c "cat evil.aw | ./$a -f /dev/stdin"
done
has gawk && {
    try ebpf "gawk --source" ./gawk --source "$AWK"
    try ebpf "gawk --sou=" ./gawk "--sou=$AWK"
    try ebpf "gawk -f FILE -e" ./gawk -f idle.awk -e "$AWK"
    try ebpf "gawk -W source" ./gawk -W source="$AWK"
    try fanotify "gawk -i" ./gawk -i ./evil.aw -f idle.awk
    try fanotify "gawk --exec" ./gawk --exec evil.aw
}
has python3 && {
    try ebpf "python3 -c" ./python3 -c "$PY"
    try ebpf "python3 -W ignore -c" ./python3 -W ignore -c "$PY"
    try ebpf "python3 -Wignore -c" ./python3 -Wignore -c "$PY"
    try ebpf "python3 -Bc" ./python3 -Bc "$PY"
    try ebpf "python3 --check-hash-based-pycs never -c" ./python3 --check-hash-based-pycs never -c "$PY"
    try ebpf "python3 - ARGUMENT" sh -c './python3 - x <evilmod.py'
    try ebpf "python3 -i SCRIPT" sh -c './python3 -i idle.py <evilmod.py'
    try ebpf "python3 -m timeit" ./python3 -m timeit -n 1 -r 1 "$PY"
    try ebpf "python3 -mcode" sh -c './python3 -mcode <evilmod.py'
    echo "$PY" >"$M/evilpy"
    try fanotify "python3 -m cProfile FILE" ./python3 -m cProfile evilpy
}
has perl && {
    try ebpf "perl -e" ./perl -e "$PL"
    try ebpf "perl -we" ./perl -we "$PL"
    try ebpf "perl -I FOLDER -e" ./perl -I lib -e "$PL"
    try ebpf "perl -M with code" ./perl "-Mstrict;$PL" idle.pl
    try ebpf "perl - ARGUMENT" sh -c './perl - x <evil.pl'
    try ebpf "PERL5OPT with code" env PERL5OPT='-Mstrict;open(F,">",$ENV{SEK_MARK})' ./perl idle.pl
    try ebpf "PERL5DB" env PERL5OPT=-d "PERL5DB=BEGIN { $PL }" ./perl idle.pl
    echo "$PL 1;" >"$M/Evil.pm"
    try fanotify "perl -M" ./perl -I. -MEvil idle.pl
    try fanotify "PERL5OPT -M" env PERL5LIB="$M" PERL5OPT=-MEvil ./perl idle.pl
}
has lua5.4 && {
    try ebpf "lua -e" ./lua5.4 -e "$LUA"
    try ebpf "LUA_INIT" env "LUA_INIT=$LUA" ./lua5.4 idle.lua
    try ebpf "LUA_INIT_5_4" env "LUA_INIT_5_4=$LUA" ./lua5.4 idle.lua
    try ebpf "lua -i SCRIPT" sh -c 'cat evil.l | ./lua5.4 -i idle.lua'
    cp "$M/evil.l" "$M/evillib.lua"
    try fanotify "lua -l" ./lua5.4 -l evillib idle.lua
}
has node && {
    try ebpf "node --eval" ./node --eval "$JS"
    try ebpf "node -p" ./node -p "$JS"
    try ebpf "node --title x -e" ./node --title x -e "$JS"
    try ebpf "node --import data:" ./node --import "data:text/javascript,import f from 'fs';f.writeFileSync(process.env.SEK_MARK,'')" idle.js
    try ebpf "NODE_OPTIONS with data:" env "NODE_OPTIONS=--import=data:text/javascript,import%20f%20from%20'fs';f.writeFileSync(process.env.SEK_MARK,'')" ./node idle.js
    try fanotify "node -r" ./node -r ./evil.j idle.js
    try fanotify "node with an option before the script" ./node --enable-source-maps evil.j
}
has php && {
    try ebpf "php -r" ./php -r 'fopen(getenv("SEK_MARK"), "w");'
    try ebpf "php --run" ./php --run 'fopen(getenv("SEK_MARK"), "w");'
    try ebpf "php -B" sh -c './php -B '"'"'fopen(getenv("SEK_MARK"), "w");'"'"' -R ";" <idle.php'
    try ebpf "php by standard input" sh -c './php <evil.p'
    try fanotify "php -d auto_prepend_file" ./php -d auto_prepend_file="$M/evil.p" idle.php
    try ebpf "php -d auto_prepend_file=data:" ./php -d allow_url_include=1 -d "auto_prepend_file=\"data:text/plain,<?php fopen(getenv('SEK_MARK'), 'w')?>\"" idle.php
}
has ruby && {
    try ebpf "ruby -e" ./ruby -e 'File.write(ENV["SEK_MARK"], "")'
    try ebpf "ruby by standard input" sh -c './ruby <evil.r'
    cp "$M/evil.r" "$M/evil.rb"
    try fanotify "ruby -r" ./ruby -r ./evil.rb idle.rb
}
has tclsh && {
    echo 'open $env(SEK_MARK) w' >"$M/evil.t"
    try ebpf "tclsh by standard input" sh -c './tclsh <evil.t'
    try fanotify "tclsh: a script" ./tclsh evil.t
    try fanotify "tclsh -encoding" ./tclsh -encoding utf-8 evil.t
}
has gdb && {
    try ebpf "gdb -ex" ./gdb -batch -nx -ex 'shell : >"$SEK_MARK"'
    try ebpf "gdb by standard input" sh -c 'echo "shell : >\"\$SEK_MARK\"" | ./gdb -nx'
}
has vim && {
    try ebpf "vim -c" ./vim -u NONE -es -c 'call writefile([], $SEK_MARK)' -c q
    try ebpf "vim +COMMAND" ./vim -u NONE -es '+call writefile([], $SEK_MARK)' +q
    try ebpf "vim --cmd" ./vim -u NONE -es --cmd 'call writefile([], $SEK_MARK)' --cmd q
    echo 'call writefile([], $SEK_MARK)' >"$M/evil.v"
    try fanotify "vim -S" ./vim -u NONE -es -S evil.v +q
}
# --- what must go on working ------------------------------------------------------------------------
must "a registered script" ./good.sh
must "a shell with options and a script" ./sh -eu -o noglob good.sh -c x
must "sh -- SCRIPT" ./sh -- good.sh
must "a script that reads data from standard input" sh -c 'echo x | ./sh good.sh'
has bash && must "bash --norc SCRIPT" ./bash --norc -O extglob good.sh
has busybox && must "busybox sh SCRIPT" ./busybox sh good.sh
has python3 && {
    must "python3 -Wdefault::DeprecationWarning SCRIPT" ./python3 -Wdefault::DeprecationWarning good.py
    must "python3 -X dev -u SCRIPT -c x" ./python3 -X dev -u good.py -c x
    must "PYTHONPATH with a registered script" env PYTHONPATH=/nowhere ./python3 good.py
}
has perl && {
    must "perl -I FOLDER SCRIPT" ./perl -I/usr/share/perl5 -Ilib/perl-e good.pl
    must "perl -MModule SCRIPT" ./perl -w -Ilib -MNamed=code,-e -CSDE good.pl
}
for a in awk gawk; do
    has $a && must "$a -f SCRIPT DATA" ./$a -v x=1 -f good.awk evil.txt
    has $a && must "$a reads an unregistered script as data" ./$a -f good.awk evil.sh
done
has lua5.4 && must "lua SCRIPT" ./lua5.4 -W good.lua
has node && must "node --enable-source-maps SCRIPT -e x" ./node --enable-source-maps --expose-gc good.js -e x
has node && must "NODE_OPTIONS" env NODE_OPTIONS=--max-old-space-size=200 ./node good.js
has php && must "php -d SETTING SCRIPT" ./php -d memory_limit=64M -d error_reporting=0 good.php -r x
has php && must "php -f SCRIPT" ./php -f good.php
has ruby && must "ruby -W0 SCRIPT" ./ruby -W0 -I lib good.rb -e x
has tclsh && must "tclsh SCRIPT" ./tclsh good.tcl
must "an interpreter's version, beside a pipe" sh -c 'for p in bash perl python3 lua5.4 ruby php node; do [ ! -x $p ] || v=v; case $p in bash) o=--version;; python3) o=-V;; *) o=-v;; esac; [ ! -x $p ] || echo x | ./$p $o || exit; done; : >"$SEK_MARK"'
