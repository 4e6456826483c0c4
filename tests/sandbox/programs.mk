# Builds what the tests themselves need: the peer, the tools that stand between
# it and a stranger's program, and what this machine can do. The programs under
# test are built by tests/sandbox/build.
#
#   make -f tests/sandbox/programs.mk [framework]
#
# peer           see tests/peer/peer.h
# confine, intake, readable, row             see their sources here
# caller         talks to the framework, see tests/framework/
# strip          runs a server in make room, see tools/room.d/strip.h
# kafka          a broker for the rows of v11_log, where librdkafka is installed
# trace.so       notes the calls of a program: tools/tracing/trace.c; none where
#                that cannot be had
# strict.o       stands before some calls of a program under test
# *.probe        yes or no: does that sanitizer run here? (tsan: no-randomize,
#                if it does so only without address randomisation)
# strict.probe   yes or no: can the linker send calls to strict.c?
# asan/framework, tsan/framework            its tests with our framework

BUILD = build/kit
CFLAGS = -std=c11 -O1 -g -Wall -Wextra -Wpedantic
FRAME = $(wildcard socketserver/socketserver.[ch])
FRAMED = $(CC) -std=gnu11 -O1 -g -Wall -Wextra -pthread -I socketserver
SANDBOX = tests/sandbox
TEXT = $(SANDBOX)/text.c $(SANDBOX)/text.h
GUARD = tests/peer/guard.c tests/peer/guard.h \
	$(SANDBOX)/sandbox.c $(SANDBOX)/sandbox.h
HEADERS = -I tests/peer -I $(SANDBOX)

all: $(addprefix $(BUILD)/,peer confine intake readable row \
	$(basename $(notdir $(wildcard tests/broker/kafka.c))) \
	asan.probe leak.probe tsan.probe strict.probe)

framework: all $(BUILD)/caller $(BUILD)/asan/framework $(BUILD)/tsan/framework

$(BUILD)/peer: $(sort $(wildcard tests/peer/*.[ch]) $(GUARD))
$(BUILD)/confine: $(SANDBOX)/confine.c $(GUARD)
$(BUILD)/intake: $(SANDBOX)/intake.c $(TEXT)
$(BUILD)/readable: $(SANDBOX)/readable.c $(TEXT)
$(BUILD)/row: $(SANDBOX)/row.c $(TEXT)
$(BUILD)/caller: tests/framework/caller.c
$(BUILD)/strip: $(wildcard tools/room.d/*.[ch]) $(addprefix tests/peer/,\
	tasks.c bytes.c tasks.h peer.h guard.h)

$(addprefix $(BUILD)/,peer confine intake readable row caller strip):
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(HEADERS) -o $@.$$$$ $(filter %.c,$^) && mv $@.$$$$ $@

# Where there is no such library there is none: nothing else needs it.
$(BUILD)/kafka: tests/broker/kafka.c
	@mkdir -p $(@D)
	@! printf '#include <librdkafka/%s.h>\n' rdkafka rdkafka_mock | \
	    $(CC) $$(pkg-config --cflags rdkafka 2>/dev/null) -E - >/dev/null 2>&1 || \
	$(CC) $(CFLAGS) -o $@ $< \
	    $$(pkg-config --cflags --libs rdkafka 2>/dev/null || echo -lrdkafka)

# Asked for by tools/trace only.
$(BUILD)/trace.so: tools/tracing/trace.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -O2 -g -Wall -Wextra -fPIC -shared -o $@ $< -ldl -pthread

$(BUILD)/asan/framework: tests/framework/framework.c $(FRAME) $(BUILD)/asan.probe
	@mkdir -p $(@D)
	@flags=; ! grep -q yes $(BUILD)/asan.probe || \
	    flags='-fsanitize=address,undefined -fno-omit-frame-pointer'; \
	$(FRAMED) -o $@ $< $$flags

$(BUILD)/tsan/framework: tests/framework/framework.c $(FRAME) $(BUILD)/tsan.probe
	@mkdir -p $(@D)
	@grep -q no$$ $(BUILD)/tsan.probe || $(FRAMED) -fsanitize=thread -o $@ $<

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

$(BUILD)/strict.probe: $(BUILD)/empty.c $(SANDBOX)/strict.c $(SANDBOX)/strict.flags
	@$(CC) $(CFLAGS) -c -o $(BUILD)/strict.o $(SANDBOX)/strict.c \
	    -fdebug-prefix-map="$$PWD"=. 2>/dev/null && \
	$(CC) $(CFLAGS) -pthread -o $@.bin $< $(BUILD)/strict.o \
	    $$(cat $(SANDBOX)/strict.flags) 2>/dev/null && $@.bin && echo yes >$@ || echo no >$@

$(BUILD)/tsan.probe: $(BUILD)/empty.c
	@if ! $(CC) -fsanitize=thread -o $@.bin $< 2>/dev/null; then echo no; \
	elif setarch "$$(uname -m)" -R $@.bin 2>/dev/null; then \
	    echo no-randomize; \
	elif $@.bin && $@.bin && $@.bin && $@.bin && $@.bin; then echo yes; \
	else echo no; fi >$@ 2>/dev/null

.PHONY: all framework
