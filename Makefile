# xensteer: build, test, install. `make help` lists the targets.
#
#   B=DIR        where everything is built (default build, build/san with SAN=1)
#   SAN=1        address and undefined-behaviour sanitizers
#   CC=...       the compiler
#   V=1          show every command

prefix ?= /usr/local
DESTDIR ?=
SAN ?=
B ?= $(if $(SAN),build/san,build)

PACKAGES := yaml-0.1 libcjson xenstore nettle blkid
CFLAGS ?= -O2 -g
WARN := -Wall -Wextra -Werror -Wshadow -Wpointer-arith -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wformat=2
SANITIZE := $(if $(SAN),-fsanitize=address -fsanitize=undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
# asked once, and not before the packages are there
FLAGS = $(eval FLAGS := $(shell pkg-config --cflags $(PACKAGES)))$(FLAGS)
# libinotifytools has no file for pkg-config
LIBS = $(eval LIBS := $(shell pkg-config --libs $(PACKAGES)) -linotifytools -lm)$(LIBS)
ALL_CFLAGS = -std=gnu11 $(WARN) $(CFLAGS) -D_GNU_SOURCE -Ireconciler -I. -MMD -MP $(FLAGS) $(SANITIZE)
ALL_LDFLAGS = $(LDFLAGS) $(SANITIZE)

SOURCES := $(sort $(shell find reconciler -name '*.c'))
OBJECTS := $(SOURCES:%.c=$B/%.o)
CORE := $(filter-out $B/reconciler/main.o,$(OBJECTS))

V ?=
comma := ,
Q := $(if $V,,@)

.PHONY: all
all: $B/xensteer ## build the program

$B/xensteer: $(OBJECTS)
	$(if $V,,@echo "  LD   $@")
	$Q$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$B/%.o: %.c
	@mkdir -p $(@D)
	$(if $V,,@echo "  CC   $<")
	$Q$(CC) $(ALL_CFLAGS) -c -o $@ $<

# everything but main, so that a test links what it uses
$B/core.a: $(CORE)
	@rm -f $@
	$Q$(AR) rcs $@ $^

UNIT := $(patsubst %.c,$B/%,$(sort $(wildcard tests/unit/*.c)))
$B/tests/unit/%: tests/unit/%.c $B/core.a
	@mkdir -p $(@D)
	$(if $V,,@echo "  TEST $<")
	$Q$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -Itests -o $@ $< $B/core.a $(LIBS) -lcriterion

# What building and testing need, as Debian 12 names it. The real Xen of test-xen is made by tests/lab/lab.
DEPS_BUILD := gcc libc6-dev pkg-config libyaml-dev libcjson-dev libxen-dev libinotifytools0-dev nettle-dev libblkid-dev qemu-utils xorriso
DEPS_TEST := libcriterion-dev python3 python3-jsonschema python3-yaml
DEPS_LINT := clang clang-tidy cppcheck clang-format shellcheck libclang-rt-dev mandoc
.PHONY: deps
deps: ## install what is missing (asks for root only then)
	@tests/tools/deps $(DEPS_BUILD) $(DEPS_TEST)

.PHONY: demo
demo: ## converge the examples on a simulated host, in a scratch folder
	@tests/tools/deps $(DEPS_BUILD)
	@$(MAKE) --no-print-directory -j$$(nproc) all
	@examples/demo $B/xensteer

.PHONY: test
test: deps ## build and run every test that needs no Xen
	@$(MAKE) --no-print-directory -j$$(nproc) all $(if $(SAN),,core)
	@$(MAKE) --no-print-directory check

.PHONY: core check
core: $B/core.a
# the same cases every time here; `make property` alone also draws new ones
check: SEED := 20240417
check: COUNT := $(if $(SAN),100,500)
check: all unit cli golden cloud-init schema layers-test readme property differential ## the tests alone, without looking for packages

.PHONY: cli golden
cli: all ## the command line, case by case
	@tests/cli/run $B/xensteer
golden: all ## plans: want and have in, expected text out
	@XENSTEER=$B/xensteer tests/golden/run

.PHONY: cloud-init
cloud-init: all ## cloud-init's own detection accepts a config drive (skipped where it is not installed)
	@tests/tools/cloud-init $B/xensteer

.PHONY: schema
schema: all ## generated files are those of the tables; the JSON Schema agrees with validate
	@tests/tools/generated $B/xensteer
	@/usr/bin/python3 tests/schema/check.py schema/xensteer.schema.json tests/schema/beyond.txt tests/good tests/bad

.PHONY: layers layers-test
layers: ## no room includes a higher one
	@tests/tools/layers
layers-test: layers
	@tests/tools/layers-test

# tests/fuzz/NAME.c: one target each; its corpus is tests/fuzz/corpus/NAME and what SEEDS_NAME names
FUZZ_SECONDS ?= 60
FUZZERS := $(patsubst tests/fuzz/%.c,%,$(sort $(wildcard tests/fuzz/*.c)))
SEEDS_load := tests/good tests/bad
SEEDS_snapshot := tests/golden
SEEDS_xl_list := tests/unit/recorded
SEEDS_xl_describe := tests/unit/recorded
SEEDS_xl_dry_run := tests/unit/recorded
FUZZ_FLAGS = -std=gnu11 -O1 -g -D_GNU_SOURCE -Ireconciler -I. -Itests $(FLAGS) -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined
FUZZ_SOURCES := $(filter-out reconciler/main.c reconciler/face/%,$(SOURCES)) reconciler/face/status_daemon.c
$B/fuzz/%.o: %.c
	@mkdir -p $(@D)
	$Qclang $(subst fuzzer$(comma),fuzzer-no-link$(comma),$(FUZZ_FLAGS)) -MMD -MP -c -o $@ $<
$B/fuzz/%: tests/fuzz/%.c $(FUZZ_SOURCES:%.c=$B/fuzz/%.o)
	$(if $V,,@echo "  FUZZ $<")
	$Qclang $(FUZZ_FLAGS) -o $@ $^ $(LIBS)
.SECONDARY: $(FUZZ_SOURCES:%.c=$B/fuzz/%.o)
.PHONY: fuzz
fuzz: ## run each fuzzer for FUZZ_SECONDS (60) over its committed corpus, one per processor
	@tests/tools/deps $(DEPS_BUILD) $(DEPS_LINT)
	@$(MAKE) --no-print-directory -s -j$$(nproc) $(FUZZERS:%=$B/fuzz/%)
	@$(MAKE) --no-print-directory -k -j$$(nproc) $(FUZZERS:%=fuzz-%)
.PHONY: $(FUZZERS:%=fuzz-%)
$(FUZZERS:%=fuzz-%): fuzz-%: $B/fuzz/%
	@tests/tools/fuzz $< $(FUZZ_SECONDS) tests/fuzz/corpus/$* $(SEEDS_$*)

.PHONY: readme
readme: all ## the tour of README.md prints what it shows
	@tests/tools/readme $B/xensteer

.PHONY: docs
docs: all ## write what is generated: the JSON Schema, the field reference, the manual, the architecture page
	@tests/tools/generated --write $B/xensteer

.PHONY: lint
lint: ## clang-tidy and cppcheck over all C, its format, shellcheck over all shell, mandoc over the manual
	@tests/tools/deps $(DEPS_BUILD) $(DEPS_TEST) $(DEPS_LINT)
	@tests/tools/lint $(FLAGS)

.PHONY: format
format: ## clang-format everything
	clang-format -i $$(git ls-files '*.[ch]')

.PHONY: install uninstall
install: all ## DESTDIR and prefix are honoured
	install -D -m 0755 $B/xensteer $(DESTDIR)$(prefix)/sbin/xensteer
	install -D -m 0644 schema/xensteer.schema.json $(DESTDIR)$(prefix)/share/xensteer/xensteer.schema.json
	install -D -m 0644 docs/xensteer.1 $(DESTDIR)$(prefix)/share/man/man1/xensteer.1
	install -D -m 0644 docs/xensteer.yaml.5 $(DESTDIR)$(prefix)/share/man/man5/xensteer.yaml.5
uninstall:
	rm -f $(DESTDIR)$(prefix)/sbin/xensteer $(DESTDIR)$(prefix)/share/xensteer/xensteer.schema.json
	rm -f $(DESTDIR)$(prefix)/share/man/man1/xensteer.1 $(DESTDIR)$(prefix)/share/man/man5/xensteer.yaml.5

.PHONY: clean help
clean: ## remove what was built
	rm -rf build
help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  \1\t/p' Makefile | expand -t 14

# the real daemons behind tests/unit/store.c, and what makes them run without Xen
XENSTORED := $B/xenstored/xenstored $B/xenstored/shim.so $B/xenstored/oxenstored.conf
$B/xenstored/xenstored: tests/tools/xenstored
	$(if $V,,@echo "  APT  $@")
	$Q$< $(@D)
$B/xenstored/shim.so: tests/xenstored/shim.c
	@mkdir -p $(@D)
	$(if $V,,@echo "  LD   $@")
	$Q$(CC) -std=gnu11 -D_GNU_SOURCE $(WARN) $(CFLAGS) -shared -fPIC -o $@ $<
$B/xenstored/oxenstored.conf: tests/xenstored/oxenstored.conf
	@mkdir -p $(@D)
	@cp $< $@

.PHONY: unit
unit: $(UNIT) $(XENSTORED) ## run the Criterion tests
	@rm -f $B/tests/sanitizer.*
	@for t in $(UNIT); do ASAN_OPTIONS=log_path=$(abspath $B)/tests/sanitizer $$t || exit 1; done
	@if ls $B/tests/sanitizer.* >/dev/null 2>&1; then cat $B/tests/sanitizer.*; exit 1; fi

# tests/bench: plan as a whole against bare libyaml over the same files
BENCH := $(patsubst %.c,$B/%,$(wildcard tests/bench/*.c))
$B/tests/bench/%: tests/bench/%.c $B/core.a
	@mkdir -p $(@D)
	$(if $V,,@echo "  CC   $<")
	$Q$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $< $B/core.a $(LIBS)

.PHONY: bench
bench: all $(BENCH) ## time and memory of plan at 1,000 and 10,000 domains, against bare libyaml (ROUNDS=5)
	@$B/tests/bench/measure $B/tests/bench/generate $B/xensteer $(or $(ROUNDS),5)

# random manifests on simulated hosts; a program of its own, because a case is a number and not a function
PROPERTY := $(patsubst tests/property/%.c,$B/tests/property-objects/%.o,$(sort $(wildcard tests/property/*.c)))
$B/tests/property-objects/%.o: tests/property/%.c
	@mkdir -p $(@D)
	$(if $V,,@echo "  CC   $<")
	$Q$(CC) $(ALL_CFLAGS) -c -o $@ $<

$B/tests/property: $(PROPERTY) $B/core.a
	$(if $V,,@echo "  LD   $@")
	$Q$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

.PHONY: property
property: $B/tests/property ## check what must hold on random manifests and hosts, on all processors (SEED=N, COUNT=N cases)
	@$< $(SEED) $(COUNT)

# the same steps on the simulator and on real Xen: the recording of the latter is what the former must do
DIFFERENTIAL := $(patsubst tests/differential/%.c,$B/tests/differential-objects/%.o,$(sort $(wildcard tests/differential/*.c)))
$B/tests/differential-objects/%.o: tests/differential/%.c
	@mkdir -p $(@D)
	$(if $V,,@echo "  CC   $<")
	$Q$(CC) $(ALL_CFLAGS) -c -o $@ $<

$B/tests/play: $(DIFFERENTIAL) $B/core.a
	$(if $V,,@echo "  LD   $@")
	$Q$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

.PHONY: differential
differential: $B/tests/play ## the simulator does what real Xen was recorded to do
	@tests/differential/run sim $<

# tests/lab/lab: a real Xen host under QEMU; the first use builds it, as root
.PHONY: test-xen
test-xen: all ## run the scenarios on a real Xen, each on a fresh machine (S="FILE..." for some of them)
	tests/lab/run -p $B/xensteer $S

.PHONY: differential-xen
differential-xen: $B/tests/play ## play the differential scripts on a real Xen, against what was recorded of one
	tests/differential/run xen $B/tests/play

.PHONY: lab
lab: all ## a root shell on a real Xen host with the program in it
	@tests/lab/lab list | grep -qx lab || tests/lab/lab start lab
	@cp $B/xensteer "$$(tests/lab/lab share lab)/"
	@tests/lab/lab interactive lab

-include $(wildcard $B/fuzz/reconciler/*/*.d $B/fuzz/reconciler/*/*/*.d)
-include $(OBJECTS:.o=.d) $(UNIT:=.d) $(BENCH:=.d) $(PROPERTY:.o=.d) $(DIFFERENTIAL:.o=.d)
