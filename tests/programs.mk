# Builds what the tests run, by one rule for every program: all the .c files of
# its folder. A compiler's error is kept beside the program that is missing
# then (NAME.log), for tests/run to show.
#
#   make -f tests/programs.mk -k BUILD=build/kit DIR=.
#
# asan/NAME   AddressSanitizer and UBSan; a plain build where there is none
# tsan/NAME   ThreadSanitizer
#             and in both, where the linker can do that, tests/strict.c
# plain/NAME  neither
# *.probe     yes or no: does that sanitizer run here? (tsan: no-randomize,
#             if it does so only without address randomisation)
# strict.probe   yes or no: can the linker send calls to tests/strict.c?

DIR = .
BUILD = build/kit
SERVERS = v1_echo v2_threads v3_event v4_broadcast v5_locks v6_errors \
	makefile_fdopen chat
RACERS = v2_threads v3_event v4_broadcast v5_locks v6_errors chat
# No compiler needs a minute for this, or makes so much: what does is a mistake.
BOUNDS = ulimit -t 60; ulimit -f 200000; ulimit -v 4000000 2>/dev/null;
STUDENT_CFLAGS = -std=gnu11 -O1 -g -Wall -Wextra -pthread
PEER_CFLAGS = -std=c11 -O1 -g -Wall -Wextra -Wpedantic
WITH_STRICT = $(BUILD)/strict.o -Wl,--wrap=close,--wrap=fclose,--wrap=listen \
	-Wl,--wrap=connect,--wrap=send,--wrap=write

# All that its folder holds is one program; in that of the framework, each but
# socketserver.c is one.
FRAMED = chat echo serve
FRAME = $(wildcard $(DIR)/socketserver/socketserver.[ch])
sources = $(if $(filter $(1),$(FRAMED)),$(wildcard \
	$(DIR)/socketserver/$(1).c) $(FRAME),$(wildcard $(DIR)/$(1)/*.[ch]))
present = $(foreach s,$(1),$(if $(filter-out $(FRAME),$(call sources,$(s))),$(s)))

all: $(BUILD)/peer $(BUILD)/leak.probe \
	$(addprefix $(BUILD)/asan/,$(call present,$(SERVERS) client)) \
	$(addprefix $(BUILD)/plain/,$(call present,$(SERVERS) client)) \
	$(addprefix $(BUILD)/tsan/,$(call present,$(RACERS))) \
	$(if $(call present,socketserver),$(BUILD)/asan/socketserver)

$(BUILD)/peer: tests/peer.c tests/guard.c tests/guard.h
	@mkdir -p $(@D)
	$(CC) $(PEER_CFLAGS) -o $@ tests/peer.c tests/guard.c

.SECONDEXPANSION:

# Its tests: the framework by itself, two programs on it, and one who calls.
$(BUILD)/asan/socketserver: $(BUILD)/asan/framework $(BUILD)/tsan/framework \
		$(BUILD)/asan/echo $(BUILD)/asan/serve $(BUILD)/caller \
		$(BUILD)/plain/client
	@ln -f $(BUILD)/asan/echo $@

$(BUILD)/caller: tests/caller.c
	@mkdir -p $(@D)
	$(CC) $(PEER_CFLAGS) -o $@ $<

$(BUILD)/asan/framework: tests/framework.c $(FRAME) $(BUILD)/asan.probe
	@mkdir -p $(@D)
	@rm -f $@
	@$(BOUNDS) flags=; ! grep -q yes $(BUILD)/asan.probe || \
	    flags='-fsanitize=address,undefined -fno-omit-frame-pointer'; \
	$(CC) $(STUDENT_CFLAGS) -I $(DIR)/socketserver -o $@ $< $$flags \
	    >$(BUILD)/asan/socketserver.log 2>&1

$(BUILD)/tsan/framework: tests/framework.c $(FRAME) $(BUILD)/tsan.probe
	@mkdir -p $(@D)
	@rm -f $@
	@grep -q no$$ $(BUILD)/tsan.probe || { $(BOUNDS) \
	$(CC) $(STUDENT_CFLAGS) -I $(DIR)/socketserver -fsanitize=thread -o $@ \
	    $< >$@.log 2>&1; }

$(BUILD)/asan/%: $$(call sources,$$*) \
		$(BUILD)/asan.probe $(BUILD)/strict.probe
	@mkdir -p $(@D)
	@rm -f $@
	@$(BOUNDS) flags=; ! grep -q yes $(BUILD)/asan.probe || \
	    flags='-fsanitize=address,undefined -fno-omit-frame-pointer'; \
	! grep -q yes $(BUILD)/strict.probe || flags="$$flags $(WITH_STRICT)"; \
	$(CC) $(STUDENT_CFLAGS) -o $@ $(filter %.c,$^) $$flags >$@.log 2>&1

$(BUILD)/plain/%: $$(call sources,$$*)
	@mkdir -p $(@D)
	@rm -f $@
	@$(BOUNDS) $(CC) $(STUDENT_CFLAGS) -o $@ $(filter %.c,$^) >$@.log 2>&1

$(BUILD)/tsan/%: $$(call sources,$$*) \
		$(BUILD)/tsan.probe $(BUILD)/strict.probe
	@mkdir -p $(@D)
	@rm -f $@
	@$(BOUNDS) flags=-fsanitize=thread; \
	! grep -q yes $(BUILD)/strict.probe || flags="$$flags $(WITH_STRICT)"; \
	grep -q no$$ $(BUILD)/tsan.probe || \
	$(CC) $(STUDENT_CFLAGS) -o $@ $(filter %.c,$^) $$flags >$@.log 2>&1

$(BUILD)/empty.c:
	@mkdir -p $(@D)
	@echo 'int main(void) { return 0; }' >$@

$(BUILD)/asan.probe: $(BUILD)/empty.c
	@$(CC) -fsanitize=address,undefined -o $@.bin $< 2>/dev/null && \
	ASAN_OPTIONS=detect_leaks=0 $@.bin 2>/dev/null && \
	echo yes >$@ || echo no >$@

$(BUILD)/leak.probe: $(BUILD)/empty.c $(BUILD)/asan.probe
	@ASAN_OPTIONS=detect_leaks=1 $(BUILD)/asan.probe.bin 2>/dev/null && \
	echo yes >$@ || echo no >$@

$(BUILD)/strict.probe: $(BUILD)/empty.c tests/strict.c
	@$(CC) $(PEER_CFLAGS) -c -o $(BUILD)/strict.o tests/strict.c \
	    2>/dev/null && \
	$(CC) $(PEER_CFLAGS) -o $@.bin $< $(WITH_STRICT) 2>/dev/null && \
	$@.bin && echo yes >$@ || echo no >$@

$(BUILD)/tsan.probe: $(BUILD)/empty.c
	@if ! $(CC) -fsanitize=thread -o $@.bin $< 2>/dev/null; then echo no; \
	elif setarch "$$(uname -m)" -R $@.bin 2>/dev/null; then \
	    echo no-randomize; \
	elif $@.bin && $@.bin && $@.bin && $@.bin && $@.bin; then echo yes; \
	else echo no; fi >$@ 2>/dev/null

.PHONY: all
