# The one front door. Behind it stand meson and ninja; `make help` says what there is.
MAKEFLAGS += --no-print-directory
BUILD ?= build

.PHONY: help deps run build program test check format fuzz soak sim torture bench bench-peers install clean

help:
	@echo 'make run       build smtptool and show it at work (DEMO=... picks a demonstration)'
	@echo 'make build     the program, $(BUILD)/smtptool, and its tests'
	@echo 'make test      everything CI runs; STEP="unit talk" picks steps, UPDATE=1 rewrites golden files'
	@echo 'make check     make test, then TSan, valgrind, clang-tidy and more fuzzing'
	@echo 'make fuzz      T=name TIME=60: one fuzz target, or all of them, for so many seconds each'
	@echo 'make sim       SEED=n: one simulated world, twice; or many: SEEDS=1..500, COUNT=1000, TIME=60, SIZE=5'
	@echo 'make soak      TIME=20: a real server under mixed load with faults for so many minutes (docs/soak.md)'
	@echo 'make torture   the crash and fault proof of the queue, whole (docs/torture.md); PARTS="power kill9" picks'
	@echo 'make format    clang-format over the tree'
	@echo 'make bench     measure, against the peers that are installed; FULL=1 all cells, CELLS=... some of them'
	@echo 'make bench-peers   install Exim, OpenSMTPD and Haraka for it, in folders of their own (as root)'
	@echo 'make install   DESTDIR=... PREFIX=/usr/local'
	@echo 'make deps      install what the build and the tests need (Debian 12); the others do so if need be'
	@echo 'make clean     remove every build folder'

deps:
	@tools/deps build test

program build install bench: configure = test -f $(BUILD)/build.ninja || meson setup $(BUILD) >/dev/null
program build install bench: ninja = ninja $(if $(JOBS),-j$(JOBS)) -C $(BUILD)

program:
	@tools/deps build
	@$(configure)
	@$(ninja) smtptool

build:
	@tools/deps build
	@$(configure)
	@$(ninja)

run: program
	@DEMO='$(DEMO)' tools/demo

test:
	@tools/deps build test
	@tools/unpack
	@tools/test

check:
	@tools/deps build test check
	@tools/unpack
	@tools/test --check

fuzz:
	@tools/deps build test
	@tools/fuzz $(T)

sim: build
	@$(BUILD)/tests/sim/sim $(if $(SEED),--seed $(SEED)) $(if $(SEEDS),--seeds $(SEEDS)) \
		$(if $(COUNT),--count $(COUNT)) $(if $(TIME),--time $(TIME)) $(if $(SIZE),--size $(SIZE))

soak: program
	@tools/deps test
	@tools/soak

torture: build
	@tools/torture

format:
	@git ls-files '*.c' '*.h' | xargs clang-format -i

bench: program
	@tools/deps bench
	@$(ninja) dkim-bench
	@bench/run $(CELLS)

bench-peers:
	@tools/deps bench-peers
	@bench/install-peers

install:
	@tools/deps build
	@$(configure)
	@$(if $(PREFIX),meson configure $(BUILD) -Dprefix='$(PREFIX)')
	@$(ninja)
	@meson install -C $(BUILD) --no-rebuild $(if $(DESTDIR),--destdir '$(abspath $(DESTDIR))')

clean:
	@rm -rf $(BUILD) build-*
