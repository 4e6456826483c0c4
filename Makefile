## One chat server in C, told as a ladder of small programs.
##
##   make                           builds every rung, and the client
##   make demo                      plays a chat, in about ten seconds
##   make demo STAGE=v4_broadcast   plays what that rung adds, and how it breaks
##
##   make diff STAGE=v5_locks       what changed since the rung before, in the
##                                  code and in behaviour
##   make diff FROM=v2_threads TO=v6_errors      the same, of any two
##
##   make proofs                    nine claims of NOTES.md, each proved by a
##                                  program in proofs/
##
##   make start STAGE=v3_event      begins an exercise: work/v3_event, and what to
##                                  do there
##   make test DIR=work             grades what is in work, with points
##   make watch STAGE=v3_event      grades it again whenever you save
##   make hint                      about the first failure, the next of three
##   make hint TEST='quit is acknowledged'       about that behaviour
##   make status                    how far you have come
##       all but test look in work unless told DIR=../mine
##
##   make test                      every behaviour that must hold, every rung
##   make test STAGE=v3_event       of one rung
##   make test TEST='nc can talk to it'          one behaviour, by its title
##   make test ROWS='^quit'         those whose titles match
##   make test DIR=../mine STAGE=v3_event POINTS=points.tsv RESULTS=records
##                                  for instructors: other points than the
##                                  matrix has; records for Gradescope and others
##   make grades RESULTS=out        a line a submission, of the records in out/*
##   make matrix                    the known flaws too, each in its own way;
##                                  then the table
##       these take JOBS=8 (how many at once) and TIMES=10 (all of it so often)
##
##   make mutants                   for maintainers: does a row catch each of the
##                                  mistakes in tests/mutants?
##   make variants                  does each correct design get full marks?
##   make grader                    can a program cheat; do the tools work?
##   make doctor                    what is on this machine, and what is missing
##   make check                     for maintainers: compilers, style, tables
##   make notes                     for maintainers: writes what comes out into
##                                  the sessions and tables of NOTES and README
##   make carry FROM=v2_threads     for maintainers: takes a fix up the ladder
##   make clean                     removes all that was built
##   make help                      this page
##
# GNU make 3.81 will do. The work is done by tests/run and by the scripts in
# tools/, each of which says with -h what it can.

# The columns of the matrix are the only list of what there is.
NAMES := $(strip $(shell head -n 1 tests/matrix.tsv | cut -f 3-))
FOLDERS := $(patsubst %/Makefile,%,$(wildcard $(addsuffix /Makefile,$(NAMES))))

override STAGE := $(strip $(STAGE))
override FROM := $(strip $(FROM))
override TO := $(strip $(TO))

# Stops if a variable names something that is not there, or more than one.
named = $(if $(filter-out $(NAMES),$($(1)))$(word 2,$($(1))),$(error \
	$(1)=$($(1)): there is no such rung. There are $(NAMES)))
$(foreach v,STAGE FROM TO,$(call named,$(v)))

# What the command line says goes to the scripts in the environment, never as
# text of the shell's: a title may hold apostrophes. Nor is it text of make's: a
# dollar is the end of a title, in ROWS.
ifneq ($(filter command line,$(origin DIR)),)
ifeq ($(strip $(value DIR)),)
$(error DIR= is empty: it names the folder that holds the rungs)
endif
endif
override TEST := $(value TEST)
override ROWS := $(value ROWS)
override DIR := $(value DIR)
override POINTS := $(value POINTS)
override RESULTS := $(value RESULTS)
override NAME := $(value NAME)
export STAGE TEST ROWS JOBS DIR TIMES FROM TO POINTS RESULTS NAME

# The tests build with a make of their own, which is not to share our options.
RUN = unset MAKEFLAGS MFLAGS MAKELEVEL; exec tests/run \
	$${STAGE:+--stage "$$STAGE"} $${TEST:+--test "$$TEST"} \
	$${ROWS:+--rows "$$ROWS"} $${JOBS:+--jobs "$$JOBS"} \
	$${TIMES:+--times "$$TIMES"}

all: $(FOLDERS)

$(FOLDERS):
	$(MAKE) --no-print-directory -C $@

demo:
	@exec tools/demo $${STAGE:+"$$STAGE"}

test:
	@$(RUN) $${DIR:+--dir "$$DIR"} $${POINTS:+--points "$$POINTS"} \
	    $${RESULTS:+--results "$$RESULTS"}

matrix:
	@$(RUN) --matrix

start:
	@exec tools/start "$$STAGE" "$${DIR:-work}"

watch:
	@unset MAKEFLAGS MFLAGS MAKELEVEL; \
	exec tools/watch "$$STAGE" "$${DIR:-work}"

hint:
	@exec tools/hint "$$TEST" "$${DIR:-work}"

grades:
	@exec tools/grades "$$RESULTS"

status:
	@exec tools/status "$${DIR:-work}"

mutants:
	@unset MAKEFLAGS MFLAGS MAKELEVEL; exec tools/mutants \
	    $${JOBS:+--jobs "$$JOBS"} $${TIMES:+--times "$$TIMES"} $$NAME

variants:
	@unset MAKEFLAGS MFLAGS MAKELEVEL; exec tools/variants \
	    $${JOBS:+--jobs "$$JOBS"} $${TIMES:+--times "$$TIMES"} $$NAME

grader:
	@unset MAKEFLAGS MFLAGS MAKELEVEL; exec bats --tap tests/grader

proofs:
	@exec tools/proofs

notes:
	@exec tools/notes --renew

diff:
	@if [ -n "$$FROM" ] && [ -n "$$TO" ]; then \
	    exec tools/diff "$$FROM" "$$TO"; \
	elif [ -n "$$STAGE" ] && [ -z "$$FROM$$TO" ]; then \
	    exec tools/diff "$$STAGE"; \
	fi; \
	echo "make diff wants STAGE=v5_locks, or FROM=v2_threads TO=v6_errors" >&2; \
	exit 2

carry:
	@if [ -z "$$FROM" ]; then \
	    echo "make carry wants FROM=v2_threads, the rung that is fixed" >&2; \
	    exit 2; \
	fi; \
	exec tools/carry "$$FROM" $${TO:+"$$TO"}

check:
	@exec tools/check

doctor:
	@exec tools/doctor

clean:
	@for f in $(FOLDERS) proofs; do $(MAKE) -s -C $$f clean; done
	rm -rf build

help:
	@sed -n 's/^## \{0,1\}//p' Makefile

.PHONY: all demo start test watch hint status grades matrix mutants variants grader \
	proofs notes diff carry check doctor clean help $(FOLDERS)
