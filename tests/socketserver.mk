# Builds what tests/socketserver.bats and tests/peers.bats run, beside what
# tests/programs.mk builds, and by its probes of what the sanitizers can do.
#
#   make -f tests/socketserver.mk BUILD=build/kit DIR=.

include tests/programs.mk

PARTS = $(DIR)/socketserver/socketserver.c $(DIR)/socketserver/socketserver.h
WANTED = $(BUILD)/peer $(BUILD)/leak.probe $(BUILD)/caller \
	$(addprefix $(BUILD)/asan/socketserver_,chat echo serve) \
	$(BUILD)/asan/framework $(BUILD)/tsan/framework $(BUILD)/plain/client

socketserver: $(WANTED)

$(BUILD)/caller: tests/caller.c
	@mkdir -p $(@D)
	$(CC) $(PEER_CFLAGS) -o $@ $<

ASAN = flags=; ! grep -q yes $(BUILD)/asan.probe || \
	flags='-fsanitize=address,undefined -fno-omit-frame-pointer';

$(BUILD)/asan/socketserver_%: $(DIR)/socketserver/%.c $(PARTS) \
	$(BUILD)/asan.probe
	@mkdir -p $(@D)
	@$(ASAN) $(CC) $(STUDENT_CFLAGS) $$flags -o $@ $(filter %.c,$^)

$(BUILD)/asan/framework: tests/framework.c $(PARTS) $(BUILD)/asan.probe
	@mkdir -p $(@D)
	@$(ASAN) $(CC) $(STUDENT_CFLAGS) $$flags -I $(DIR)/socketserver -o $@ $<

$(BUILD)/tsan/framework: tests/framework.c $(PARTS) $(BUILD)/tsan.probe
	@mkdir -p $(@D)
	@grep -q no$$ $(BUILD)/tsan.probe || \
	$(CC) $(STUDENT_CFLAGS) -fsanitize=thread -I $(DIR)/socketserver -o $@ $<

.PHONY: socketserver
