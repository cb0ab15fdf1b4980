# Sekisho's build. Sources are found by folder: a new file needs no line here.
#   make              build the four programs (and the console, when node is there)
#   make SAN=1        the same with ASan and UBSan, under build/san
#   make ARCH=arm64   the agent for another Debian architecture (arm64, armhf), under build/arm64
#   make LIBC=musl agent   the agent as one static program with the musl C library, under build/musl;
#                     with ARCH=... under build/musl/ARCH
BUILD ?= build$(if $(SAN),/san)$(if $(LIBC),/$(LIBC))$(if $(ARCH),/$(ARCH))
CLANG ?= clang

# A cross build takes headers and libraries from build/ARCH/sysroot (scripts/sysroot makes it).
TRIPLET_arm64 := aarch64-linux-gnu
TRIPLET_armhf := arm-linux-gnueabihf
TRIPLET := $(TRIPLET_$(ARCH))
ifdef ARCH
$(if $(TRIPLET),,$(error ARCH=$(ARCH): expected arm64 or armhf))
endif
ifdef LIBC
# Compiler and libraries of scripts/musl-libraries, from Debian's sources.
$(if $(filter musl,$(LIBC)),,$(error LIBC=$(LIBC): expected musl))
LIBRARIES := $(abspath $(BUILD)/libraries)
CC := $(LIBRARIES)/cc
PKG_CONFIG_LIBDIR := $(LIBRARIES)/usr/lib/pkgconfig
MACHINE := $(if $(filter arm64,$(ARCH)),aarch64,$(if $(ARCH),armv7l,$(shell uname -m)))
else ifdef ARCH
SYSROOT := $(abspath $(BUILD)/sysroot)
CC := $(TRIPLET)-gcc --sysroot=$(SYSROOT) -Wl,-rpath-link,$(SYSROOT)/usr/lib/$(TRIPLET)
PKG_CONFIG_LIBDIR := $(SYSROOT)/usr/lib/$(TRIPLET)/pkgconfig:$(SYSROOT)/usr/share/pkgconfig
PKG_CONFIG_SYSROOT_DIR := $(SYSROOT)
MACHINE := $(if $(filter arm64,$(ARCH)),aarch64,armv7l)
else
CC ?= cc
MACHINE := $(shell uname -m)
endif
BPF_ARCH := $(if $(filter x86_64,$(MACHINE)),x86,$(if $(filter aarch64,$(MACHINE)),arm64,arm))

comma  := ,
# Short lines while building; V=1 shows the commands.
Q      := $(if $(V),,@)
say     = $(if $(V),,@echo '  $(1)')

WARN   := -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Wno-missing-field-initializers -Wstrict-prototypes -Wvla
OPT    := $(if $(FUZZER),-O1 -g -fsanitize=address$(comma)undefined$(comma)fuzzer-no-link -fno-sanitize-recover=undefined -fno-omit-frame-pointer,$(if $(SAN),-O1 -g -fsanitize=address$(comma)undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer,-O2 -g))
HARDEN := -fstack-protector-strong -fPIE $(if $(SAN)$(FUZZER),,-D_FORTIFY_SOURCE=2)
VERSION := 0.1.0

# One pkg-config name a line; the tests add cmocka.
# Processors that neither Hyperscan nor Vectorscan is made for have lib/base/matcher.c.
WITHOUT_HYPERSCAN ?= $(if $(filter armhf,$(ARCH))$(LIBC),1)
LIB_PC := $(if $(WITHOUT_HYPERSCAN),,libhs) libpcre2-8 openssl libevent libevent_openssl jansson yaml-0.1 libzstd zlib libbrotlidec liblzma
# (What make exports, its own $(shell) does not get.)
PL      = $(shell $(if $(PKG_CONFIG_LIBDIR),PKG_CONFIG_LIBDIR='$(PKG_CONFIG_LIBDIR)' PKG_CONFIG_SYSROOT_DIR='$(PKG_CONFIG_SYSROOT_DIR)') pkg-config $(if $(LIBC),--static) --libs $(1) 2>/dev/null)

CFLAGS  ?=
override CFLAGS += $(if $(WITHOUT_HYPERSCAN),-DSEK_WITHOUT_HYPERSCAN) $(if $(LIBC),-isystem $(LIBRARIES)/usr/include)
ALL_CFLAGS = -std=gnu17 $(OPT) $(WARN) $(HARDEN) -I. -I$(BUILD) -DSEK_VERSION='"$(VERSION)"' \
             -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -ffunction-sections -fdata-sections -MMD -MP $(CFLAGS)
LINK     = $(OPT) -pie -Wl,--gc-sections -Wl,--as-needed -Wl,-z,relro,-z,now $(LDFLAGS)

LIB_SRC     := $(wildcard lib/*/*.c)
AGENT_SRC   := $(wildcard agent/*.c agent/*/*.c)
GATEWAY_SRC := $(wildcard gateway/*.c gateway/*/*.c)
MANAGER_SRC := $(wildcard manager/*.c manager/*/*.c)
CLI_SRC     := $(wildcard cli/*.c)
BPF_SRC     := $(wildcard bpf/*.bpf.c)
UNIT_SRC    := $(wildcard tests/unit/test_*.c)
FUZZ_SRC    := $(wildcard tests/fuzz/fuzz_*.c)

ifdef LIBC
# (Without what counts glibc's calls, and what makes an SQLite database.)
UNIT_SRC := $(filter-out $(shell grep -lE '^/\* objects:.*(manager|gateway)/|dlfcn.h|sqlite3.h' tests/unit/*.c),$(UNIT_SRC))
endif

obj = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
LIBA := $(BUILD)/libsekisho.a
SKEL := $(patsubst bpf/%.bpf.c,$(BUILD)/bpf/%.skel.h,$(BPF_SRC))
PROGRAMS := $(if $(GATEWAY_SRC),$(BUILD)/gateway/sekisho-gateway) \
            $(if $(AGENT_SRC),$(BUILD)/agent/sekisho-agent) \
            $(if $(MANAGER_SRC),$(BUILD)/manager/sekisho-manager) \
            $(if $(CLI_SRC),$(BUILD)/cli/sekishoctl)
UNIT := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(UNIT_SRC))

.PHONY: all programs unit help agent sysroot
agent: $(BUILD)/agent/sekisho-agent
sysroot:
	@scripts/sysroot $(ARCH) $(SYSROOT)
.DEFAULT_GOAL := all

ifdef LIBC
LIBRARIES_OF := $(if $(ARCH),$(ARCH),$(shell dpkg --print-architecture))
$(LIBRARIES)/.complete: scripts/musl-libraries scripts/debian-sources scripts/packages/musl.txt
	@scripts/musl-libraries $(LIBRARIES_OF) $(LIBRARIES) build/musl/sources
$(call obj,$(LIB_SRC) $(AGENT_SRC)): | $(LIBRARIES)/.complete
.PHONY: tarball
tarball: agent ## the static agent, for devices without packages (with LIBC=musl)
	@packaging/tarball $(BUILD) $(VERSION) $(LIBRARIES_OF) build/musl/sources
endif
all: programs $(if $(wildcard console/package.json),console) ## build the programs and the console

# The console is built when node is there; the manager serves console/dist.
.PHONY: console
console: console/dist/index.html
CONSOLE_SRC := $(shell find console/src console/index.html console/*.ts console/package.json -type f 2>/dev/null)
console/dist/index.html: $(CONSOLE_SRC)
	@if command -v npm >/dev/null; then scripts/build-console; else \
	    echo "npm is not here: the console is not built" >&2; fi
programs: $(PROGRAMS)
unit: $(UNIT)
HELPERS := $(patsubst tests/integration/%.c,$(BUILD)/tests/%,$(wildcard tests/integration/*.c)) \
           $(addprefix $(BUILD)/bypass/,attack files evil evil-static evil.so)
.PHONY: helpers
helpers: $(HELPERS)

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC    $<)
	$(Q)$(CC) $(ALL_CFLAGS) $(EXTRA) -c $< -o $@

$(LIBA): $(call obj,$(LIB_SRC))
	@rm -f $@
	$(call say,AR    $@)
	$(Q)ar rcs $@ $^

# eBPF: x.bpf.c -> x.bpf.o -> x.skel.h, included as "bpf/x.skel.h".
$(BUILD)/bpf/%.bpf.o: bpf/%.bpf.c $(wildcard bpf/*.h)
	@mkdir -p $(@D)
	$(call say,BPF   $<)
	$(Q)$(CLANG) -O2 -g -target bpf -ffile-prefix-map=$(CURDIR)=. -D__TARGET_ARCH_$(BPF_ARCH) -Wall \
	    -I. -I/usr/include/$(shell uname -m)-linux-gnu -c $< -o $@
$(BUILD)/bpf/%.skel.h: $(BUILD)/bpf/%.bpf.o
	$(Q)bpftool gen skeleton $< name $* > $@
$(call obj,$(AGENT_SRC) $(GATEWAY_SRC)): | $(SKEL)

AGENT_PC   := libbpf libseccomp libcap
GATEWAY_PC := libbpf libseccomp libcap libpcap
MANAGER_PC := sqlite3 libseccomp
$(BUILD)/agent/sekisho-agent: $(call obj,$(AGENT_SRC)) $(LIBA)
	@mkdir -p $(@D)
	$(call say,LINK  $@)
	$(Q)$(CC) $(LINK) $^ -o $@ $(call PL,$(LIB_PC) $(AGENT_PC)) -lm
$(BUILD)/gateway/sekisho-gateway: $(call obj,$(GATEWAY_SRC)) $(LIBA)
	@mkdir -p $(@D)
	$(call say,LINK  $@)
	$(Q)$(CC) $(LINK) $^ -o $@ $(call PL,$(LIB_PC) $(GATEWAY_PC)) -lm
$(BUILD)/manager/sekisho-manager: $(call obj,$(MANAGER_SRC)) $(LIBA)
	@mkdir -p $(@D)
	$(call say,LINK  $@)
	$(Q)$(CC) $(LINK) $^ -o $@ $(call PL,$(LIB_PC) $(MANAGER_PC)) -lm -lpthread
$(BUILD)/cli/sekishoctl: $(call obj,$(CLI_SRC)) $(LIBA)
	@mkdir -p $(@D)
	$(call say,LINK  $@)
	$(Q)$(CC) $(LINK) $^ -o $@ $(call PL,$(LIB_PC)) -lm

# A unit test may name objects of a program: `/* objects: agent/foo.c agent/bar.c */`.
unit_objects = $(call obj,$(shell sed -n 's|^/\* objects: \(.*\) \*/|\1|p' $(1)))
.SECONDEXPANSION:
$(BUILD)/tests/%: tests/unit/%.c $$(call unit_objects,tests/unit/$$*.c) $(LIBA)
	@mkdir -p $(@D)
	$(call say,LINK  $@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LINK) $< $(filter %.o,$^) $(LIBA) -o $@ $(call PL,cmocka $(LIB_PC) libbpf libseccomp libcap $(if $(LIBC),,sqlite3 libpcap)) -lm -lpthread

# Programs that `make bench` measures with.
$(BUILD)/bench/%: bench/%.c $(call obj,gateway/capture/file.c gateway/load.c) $(LIBA)
	@mkdir -p $(@D)
	$(call say,LINK  $@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LINK) $^ -o $@ $(call PL,$(LIB_PC) libpcap) -lm

# Helper programs of the integration tests.
$(BUILD)/tests/%: tests/integration/%.c $(LIBA)
	@mkdir -p $(@D)
	$(call say,LINK  $@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LINK) $< $(LIBA) -o $@ $(call PL,$(LIB_PC)) -lm

# What tests/bypass tries with: no hardening, no library of ours.
$(BUILD)/bypass/attack: tests/bypass/attack.c
$(BUILD)/bypass/files: tests/bypass/files.c
$(BUILD)/bypass/evil $(BUILD)/bypass/evil-static $(BUILD)/bypass/evil.so: tests/bypass/evil.c
$(BUILD)/bypass/evil-static: BYPASS := -static
$(BUILD)/bypass/evil.so: BYPASS := -DLIBRARY -shared -fPIC
$(BUILD)/bypass/%:
	@mkdir -p $(@D)
	$(call say,LINK  $@)
	$(Q)$(CC) -std=gnu17 -D_GNU_SOURCE -O2 $(WARN) $< $(BYPASS) -o $@

# Fuzz targets: `make BUILD=build/fuzz FUZZER=1 fuzzers`, which `make fuzz` and `make test` do.
$(BUILD)/fuzz/%: tests/fuzz/%.c $$(call unit_objects,tests/fuzz/$$*.c) $(LIBA)
	@mkdir -p $(@D)
	$(call say,LINK  $@)
	$(Q)$(CC) $(ALL_CFLAGS) -fsanitize=fuzzer $(LINK) $< $(filter %.o,$^) $(LIBA) -o $@ $(call PL,$(LIB_PC) sqlite3 libbpf libseccomp libcap libpcap) -lm -lpthread
FUZZERS := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(FUZZ_SRC)) $(BUILD)/fuzz/protocols
# One target for each protocol: the same program, which goes by its name.
$(BUILD)/fuzz/protocols: $(BUILD)/fuzz/fuzz_app_protocols
	$(Q)$< --protocols > $@
	$(Q)while read -r name; do ln -f $< $(BUILD)/fuzz/fuzz_app_$$name; done < $@
.PHONY: fuzzers test demo bench fuzz lint format deb clean deps install
fuzzers: $(FUZZERS)

JOBS := $(shell nproc 2>/dev/null || echo 1)

demo: ## play the whole scenario with real programs; ONCE=1 ends by itself
	@scripts/install-deps build run test
	@$(MAKE) --no-print-directory -j$(JOBS) all
	@scripts/rooted demo/run $(if $(ONCE),--once)

test: ## install what is needed, build (also with sanitizers), run every test
	@scripts/install-deps build run test
	@$(MAKE) --no-print-directory -j$(JOBS) all unit helpers
	@$(MAKE) --no-print-directory -j$(JOBS) SAN=1 BUILD=$(BUILD)/san unit
	@$(MAKE) --no-print-directory -j$(JOBS) CC=$(CLANG) FUZZER=1 BUILD=$(BUILD)/fuzz fuzzers
	@scripts/rooted tests/run --build $(BUILD)

fuzz: ## run each fuzz target; SECONDS_EACH=600
	@scripts/install-deps build test
	@$(MAKE) --no-print-directory -j$(JOBS) CC=$(CLANG) FUZZER=1 BUILD=$(BUILD)/fuzz fuzzers
	@tests/run --build $(BUILD) --only fuzz/ --fuzz-seconds $(or $(SECONDS_EACH),600)

bench: ## measure on the real path; each figure is a ratio
	@scripts/install-deps build run test
	@$(MAKE) --no-print-directory -j$(JOBS) programs $(BUILD)/bench/limit $(BUILD)/bench/loop $(BUILD)/bench/forkexec $(BUILD)/bench/connect
	@bench/run --build $(BUILD)

lint: ## static checks of the C sources and the console
	@scripts/install-deps lint
	@cppcheck --quiet --std=c11 --enable=warning,portability --inline-suppr \
	    "-Djson_array_foreach(a,i,v)=for(i=0;(v=json_array_get(a,i));i++)" \
	    "-Djson_object_foreach(o,k,v)=for(k=0,v=0;k;)" -I. lib agent gateway manager cli

format: ## format the C sources
	@scripts/install-deps lint
	@clang-format -i $$(git ls-files '*.[ch]')

deb: ## build Debian packages into build/ (with ARCH=arm64 the agent's)
ifdef ARCH
	@$(MAKE) --no-print-directory -j$(JOBS) sysroot
	@$(MAKE) --no-print-directory -j$(JOBS) agent
	@packaging/debian/build $(BUILD) $(VERSION) $(ARCH)
else
	@scripts/install-deps build
	@$(MAKE) --no-print-directory -j$(JOBS) all
	@packaging/debian/build $(BUILD) $(VERSION)
endif

install: ## install programs, console, content and units under DESTDIR
	@scripts/install-deps build
	@$(MAKE) --no-print-directory -j$(JOBS) all
	@packaging/install $(BUILD) "$(DESTDIR)"

clean: ## remove what was built
	rm -rf $(BUILD) console/dist console/node_modules

-include $(shell find $(BUILD)/obj $(BUILD)/tests $(BUILD)/fuzz -name '*.d' 2>/dev/null)
