# Sekisho's build. Sources are found by folder: a new file needs no line here.
#   make              build the four programs (and the console, when node is there)
#   make SAN=1        the same with ASan and UBSan, under build/san
BUILD ?= build$(if $(SAN),/san)
CC    ?= cc
CLANG ?= clang

comma  := ,
WARN   := -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Wstrict-prototypes -Wvla
OPT    := $(if $(SAN),-O1 -g -fsanitize=address$(comma)undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer,-O2 -g)
HARDEN := -fstack-protector-strong -fPIE $(if $(SAN),,-D_FORTIFY_SOURCE=2)
VERSION := 0.1.0

# One pkg-config name a line; the tests add cmocka.
LIB_PC := libhs libpcre2-8 openssl libevent libevent_openssl jansson yaml-0.1 libzstd zlib libbrotlidec liblzma
PC      = $(shell pkg-config --cflags $(1) 2>/dev/null)
PL      = $(shell pkg-config --libs $(1) 2>/dev/null)

CFLAGS  ?=
ALL_CFLAGS = -std=gnu17 $(OPT) $(WARN) $(HARDEN) -I. -I$(BUILD) -DSEK_VERSION='"$(VERSION)"' \
             -D_GNU_SOURCE -ffunction-sections -fdata-sections -MMD -MP $(CFLAGS)
LINK     = $(OPT) -pie -Wl,--gc-sections -Wl,--as-needed -Wl,-z,relro,-z,now $(LDFLAGS)

LIB_SRC     := $(wildcard lib/*/*.c)
AGENT_SRC   := $(wildcard agent/*.c agent/*/*.c)
GATEWAY_SRC := $(wildcard gateway/*.c gateway/*/*.c)
MANAGER_SRC := $(wildcard manager/*.c manager/*/*.c)
CLI_SRC     := $(wildcard cli/*.c)
BPF_SRC     := $(wildcard bpf/*.bpf.c)
UNIT_SRC    := $(wildcard tests/unit/test_*.c)
FUZZ_SRC    := $(wildcard tests/fuzz/fuzz_*.c)

obj = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
LIBA := $(BUILD)/libsekisho.a
SKEL := $(patsubst bpf/%.bpf.c,$(BUILD)/bpf/%.skel.h,$(BPF_SRC))
PROGRAMS := $(if $(GATEWAY_SRC),$(BUILD)/gateway/sekisho-gateway) \
            $(if $(AGENT_SRC),$(BUILD)/agent/sekisho-agent) \
            $(if $(MANAGER_SRC),$(BUILD)/manager/sekisho-manager) \
            $(if $(CLI_SRC),$(BUILD)/cli/sekishoctl)
UNIT := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(UNIT_SRC))

.PHONY: all programs unit help
.DEFAULT_GOAL := all
all: programs
programs: $(PROGRAMS)
unit: $(UNIT)

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(EXTRA) -c $< -o $@

$(LIBA): $(call obj,$(LIB_SRC))
	@rm -f $@
	ar rcs $@ $^

# eBPF: x.bpf.c -> x.bpf.o -> x.skel.h, included as "bpf/x.skel.h".
$(BUILD)/bpf/%.bpf.o: bpf/%.bpf.c $(wildcard bpf/*.h)
	@mkdir -p $(@D)
	$(CLANG) -O2 -g -target bpf -D__TARGET_ARCH_$(subst x86_64,x86,$(shell uname -m)) -Wall \
	    -I. -I/usr/include/$(shell uname -m)-linux-gnu -c $< -o $@
$(BUILD)/bpf/%.skel.h: $(BUILD)/bpf/%.bpf.o
	bpftool gen skeleton $< name $* > $@
$(call obj,$(AGENT_SRC) $(GATEWAY_SRC)): | $(SKEL)

AGENT_PC   := libbpf libmnl libseccomp libcap
GATEWAY_PC := libbpf libmnl libseccomp libcap libpcap
MANAGER_PC := sqlite3 libseccomp
$(BUILD)/agent/sekisho-agent: $(call obj,$(AGENT_SRC)) $(LIBA)
	@mkdir -p $(@D)
	$(CC) $(LINK) $^ -o $@ $(call PL,$(LIB_PC) $(AGENT_PC)) -lm
$(BUILD)/gateway/sekisho-gateway: $(call obj,$(GATEWAY_SRC)) $(LIBA)
	@mkdir -p $(@D)
	$(CC) $(LINK) $^ -o $@ $(call PL,$(LIB_PC) $(GATEWAY_PC)) -lm
$(BUILD)/manager/sekisho-manager: $(call obj,$(MANAGER_SRC)) $(LIBA)
	@mkdir -p $(@D)
	$(CC) $(LINK) $^ -o $@ $(call PL,$(LIB_PC) $(MANAGER_PC)) -lm -lpthread
$(BUILD)/cli/sekishoctl: $(call obj,$(CLI_SRC)) $(LIBA)
	@mkdir -p $(@D)
	$(CC) $(LINK) $^ -o $@ $(call PL,$(LIB_PC)) -lm

# A unit test may name objects of a program: `/* objects: agent/foo.c agent/bar.c */`.
unit_objects = $(call obj,$(shell sed -n 's|^/\* objects: \(.*\) \*/|\1|p' $(1)))
.SECONDEXPANSION:
$(BUILD)/tests/%: tests/unit/%.c $$(call unit_objects,tests/unit/%.c) $(LIBA)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LINK) $< $(filter %.o,$^) $(LIBA) -o $@ $(call PL,cmocka $(LIB_PC) sqlite3 libmnl libbpf libseccomp libcap) -lm -lpthread

# Helper programs of the integration tests.
$(BUILD)/tests/%: tests/integration/%.c $(LIBA)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LINK) $< $(LIBA) -o $@ $(call PL,$(LIB_PC)) -lm

-include $(shell find $(BUILD)/obj $(BUILD)/tests -name '*.d' 2>/dev/null)
