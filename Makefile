## One chat server in C, told as a ladder of small programs.
##
##   make                           builds every rung that is here
##   make demo                      plays a chat, in about ten seconds
##   make demo STAGE=v4_broadcast   plays what that rung adds, and how it breaks
##       STEP=1 waits for a key between two sentences, DEMO_PACE=2 for 2 seconds
##
##   make diff STAGE=v5_locks       what changed since the rung before, in the
##                                  code and in behaviour, hunk by hunk
##   make diff STAGE=v6_errors PART=3            a part of that step
##   make diff FROM=v2_threads TO=v6_errors      the same, of any two
##
##   make trace STAGE=v6_errors STORY=stall
##                                  plays a story, and draws which thread waits
##                                  where, and for whom; without STORY= it tells
##                                  which there are; DIR=work: of your program
##
##   make proofs                    ten claims of the notes, each proved by a
##                                  program in proofs/
##
##   make room STAGE=v4_broadcast   in tmux: the server, its threads and what each
##                                  waits in, Alice, Bob and Carol; with WITH=nc
##                                  they have nc
##   make room STAGE=v10_pubsub SERVERS=3
##                                  several servers and their broker, to be joined
##   make broker                    a small Kafka to try v11_log with, in memory:
##                                  it says where it listens, and obeys down and up
##
##   make start STAGE=v3_event      begins an exercise: work/v3_event, and what to
##                                  do there
##   make test DIR=work             grades what is in work, with points
##   make watch STAGE=v3_event      grades it again whenever you save
##   make hint                      about the first failure, the next of three
##   make hint TEST='quit is acknowledged'       about that behaviour
##   make status                    how far you have come
##   make submit STAGE=v3_event     grades it one last time, and packs what you
##                                  hand in: work/v3_event.tar.gz
##   make tryrow ROW=work/v5_locks-ann/row.txt
##                                  plays a row that you wrote to find a mistake;
##                                  without ROW= it prints the sentences to use
##       they look in work unless told DIR=../mine
##
##   make test                      every behaviour that must hold, every rung
##   make test STAGE=v3_event       of one rung
##   make test TEST='nc can talk to it'          one behaviour, by its title
##   make test ROWS='^quit'         those whose titles match
##       these take JOBS=8 (how many at once), TIMES=10 (how often) and SEED=5
##       (other pauses in the threads, and other storms)
##
##   make doctor                    what is on this machine, what is missing, and
##                                  what that costs
##   make clean                     removes all that was built
##   make help                      this page
##
## For instructors
##
##   make handout STAGE=v3_event TO=../handout   the folder that the class gets
##                                  when v3_event is set, or its next release
##   make test DIR=../mine STAGE=v3_event POINTS=points.tsv RESULTS=records
##                                  other points than the matrix has; records for
##                                  Gradescope and others
##       SANDBOX=none grades even if nothing can contain a stranger's program
##   make grade HANDIN=hand-in STAGE=v5_locks [OUT=out]
##                                  a whole class: a page to look at, a table of
##                                  grades, and a report to send for each student
##       NAME=ann grades one student, FORCE=1 all of them again; POINTS=step
##       counts only what the rung adds
##   make bughunt STAGE=v5_locks NAME='ann bob'
##                                  a program for each, with one planted mistake to
##                                  find; make grade BUGHUNT=bughunt shows both
##   make rowhunt STAGE=v5_locks NAME='ann bob'
##                                  the other way round: each writes the row that
##                                  finds hers; make grade ROWHUNT=rowhunt plays it
##   make viva HANDIN=hand-in/ann STAGE=v5_locks
##                                  three questions about her own lines, to ask her
##   make gradescope STAGE=v5_locks [OUT=autograder.zip]
##                                  an autograder to upload
##   make classroom50 STAGE=v5_locks [OUT=classroom50]
##                                  the same for Classroom 50, on GitHub
##   make similar HANDIN=hand-in STAGE=v5_locks [AGAINST=last-year]
##                                  which hand-ins may be copies of each other
##   make book                      the lecture as a page: build/book/index.html
##   make bench                     deliveries a second of our rungs, and the time
##                                  from saying to hearing, in a minute
##   make bench PEERS=1             of redis, nats, ngircd and ncat, too; gates,
##                                  table and pictures in bench/, in half an hour
##   make bench CLUSTER=1           of one, two and four servers with a broker, and
##                                  what more machines would carry, in ten minutes
##   make bench STAGE=v7_queue DIR=work      of the program in work/v7_queue
##
## For maintainers
##
##   make matrix                    the known flaws too, each in its own way;
##                                  then the table; takes STAGE=, ROWS=, TEST=,
##                                  JOBS= and TIMES=
##   make cluster STAGE=v11_log SEEDS=50
##                                  three servers, a dozen people and random
##                                  faults: was anything lost, or out of order?
##       SEED=7 plays one of them again
##   make mutants                   does a row catch each of the mistakes in
##                                  tests/mutants?
##   make variants                  does each correct design get full marks?
##   make grader [JOBS=3]           can a program cheat; do the tools work?
##                                  Side by side where there is GNU parallel
##   make check                     compilers, style, tables
##   make notes                     writes what comes out into the sessions and
##                                  tables of the notes and README
##   make carry FROM=v2_threads     takes a fix up the ladder
##
# GNU make 3.81 will do. The work is done by tests/run and by the scripts in
# tools/, each of which says with -h what it can.

# The columns of the matrix are the only list of what there is.
NAMES := $(strip $(shell . tools/ladder.bash && columns))
# Some need a library, and are built where it is.
BEYOND := $(shell grep -v '^\#' tests/needs.tsv | cut -f 1)
FOLDERS := $(patsubst %/Makefile,%,$(wildcard $(addsuffix /Makefile,\
	$(filter-out $(BEYOND),$(NAMES)) $(BEYOND))))

override STAGE := $(strip $(STAGE))
override FROM := $(strip $(FROM))
override TO := $(if $(filter handout,$(MAKECMDGOALS)),$(value TO),$(strip $(TO)))

# Stops if a variable names something that is not there, or more than one.
named = $(if $(filter-out $(NAMES),$($(1)))$(word 2,$($(1))),$(error \
	$(1)=$($(1)): there is no such rung. There are $(NAMES)))
$(foreach v,STAGE FROM $(if $(filter handout,$(MAKECMDGOALS)),,TO),\
	$(call named,$(v)))

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
override HANDIN := $(value HANDIN)
override OUT := $(value OUT)
override AGAINST := $(value AGAINST)
override FORCE := $(value FORCE)
override BUGHUNT := $(value BUGHUNT)
override ROWHUNT := $(value ROWHUNT)
override ROW := $(value ROW)
override SANDBOX := $(value SANDBOX)
override SEED := $(value SEED)
override SEEDS := $(value SEEDS)
override PEERS := $(value PEERS)
override CLUSTER := $(value CLUSTER)
override SERVERS := $(value SERVERS)
override WITH := $(value WITH)
override STEP := $(value STEP)
override STORY := $(value STORY)
export STAGE TEST ROWS JOBS DIR TIMES FROM TO POINTS RESULTS NAME SANDBOX PEERS
export HANDIN OUT AGAINST FORCE BUGHUNT ROWHUNT ROW SEED SEEDS SERVERS CLUSTER
export WITH STEP STORY

# The tests build with a make of their own, which is not to share our options.
RUN = unset MAKEFLAGS MFLAGS MAKELEVEL; exec tests/run \
	$${STAGE:+--stage "$$STAGE"} $${TEST:+--test "$$TEST"} \
	$${ROWS:+--rows "$$ROWS"} $${JOBS:+--jobs "$$JOBS"} \
	$${TIMES:+--times "$$TIMES"} $${SEED:+--seed "$$SEED"}

all: $(FOLDERS)

$(filter-out $(BEYOND),$(FOLDERS)):
	$(MAKE) --no-print-directory -C $@

$(filter $(BEYOND),$(FOLDERS)):
	@if library=$$(bash -c '. tests/sandbox/needs.bash && lacks "$$0"' $@); then \
	    echo "$@: needs $$library: $$(tools/doctor --install $$library)"; \
	else \
	    $(MAKE) --no-print-directory -C $@; \
	fi

demo:
	@exec tools/demo $${STAGE:+"$$STAGE"}

trace:
	@exec tools/trace $${DIR:+--dir "$$DIR"} $${STAGE:+"$$STAGE"} \
	    $${STORY:+"$$STORY"}

room:
	@exec tools/room $${STAGE:+"$$STAGE"} $${SERVERS:+--servers "$$SERVERS"} \
	    $${WITH:+--with "$$WITH"}

broker:
	@$(MAKE) -s -f tests/sandbox/programs.mk build/kit/kafka
	@test -x build/kit/kafka || { echo "no librdkafka here: $$(tools/doctor \
	    --install rdkafka)" >&2; exit 1; }
	@exec build/kit/kafka

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

submit:
	@unset MAKEFLAGS MFLAGS MAKELEVEL; \
	exec tools/submit "$$STAGE" "$${DIR:-work}"

handout:
	@exec tools/handout "$$STAGE" "$$TO"

hint:
	@exec tools/hint "$$TEST" "$${DIR:-work}"

tryrow:
	@exec tools/tryrow "$$ROW" $${STAGE:+"$$STAGE"}

grade:
	@if [ -n "$$ROWHUNT" ]; then \
	    exec tools/rowhunt "$$STAGE" --grade "$$HANDIN" --hunt "$$ROWHUNT" \
	        $${OUT:+--out "$$OUT"} $${NAME:+--only "$$NAME"} \
	        $${JOBS:+--jobs "$$JOBS"}; \
	fi; \
	exec tools/grade "$$HANDIN" "$$STAGE" $${OUT:+--out "$$OUT"} \
	    $${NAME:+--only "$$NAME"} $${POINTS:+--points "$$POINTS"} \
	    $${TEST:+--test "$$TEST"} $${ROWS:+--rows "$$ROWS"} \
	    $${JOBS:+--jobs "$$JOBS"} $${FORCE:+--force} \
	    $${BUGHUNT:+--bughunt "$$BUGHUNT"}

bughunt:
	@exec tools/bughunt "$$STAGE" $$NAME $${OUT:+--to "$$OUT"}

rowhunt:
	@exec tools/rowhunt "$$STAGE" $$NAME $${OUT:+--to "$$OUT"}

gradescope:
	@exec tools/gradescope "$$STAGE" $${OUT:+"$$OUT"}

classroom50:
	@exec tools/classroom50 "$$STAGE" $${OUT:+"$$OUT"}

viva:
	@exec tools/viva "$$HANDIN" "$$STAGE"

similar:
	@exec tools/similar "$$HANDIN" "$$STAGE" $${AGAINST:+"$$AGAINST"}

status:
	@exec tools/status "$${DIR:-work}"

bench:
	@unset MAKEFLAGS MFLAGS MAKELEVEL; \
	if [ -n "$$STAGE" ]; then \
	    exec bench/run --stage "$$STAGE" --dir "$${DIR:-work}"; \
	fi; \
	exec bench/run $${PEERS:+--all} $${CLUSTER:+--cluster}

mutants:
	@unset MAKEFLAGS MFLAGS MAKELEVEL; exec tools/mutants \
	    $${JOBS:+--jobs "$$JOBS"} $${TIMES:+--times "$$TIMES"} $$NAME

cluster:
	@unset MAKEFLAGS MFLAGS MAKELEVEL; exec tools/cluster "$$STAGE" \
	    $${SEEDS:+--seeds "$$SEEDS"} $${SEED:+--seed "$$SEED"} \
	    $${DIR:+--dir "$$DIR"} $${JOBS:+--jobs "$$JOBS"}

variants:
	@unset MAKEFLAGS MFLAGS MAKELEVEL; exec tools/variants \
	    $${JOBS:+--jobs "$$JOBS"} $${TIMES:+--times "$$TIMES"} $$NAME

# Its files side by side, where bats can do that: it wants GNU parallel. They
# wait more than they work, so one more than there are cores.
grader:
	@unset MAKEFLAGS MFLAGS MAKELEVEL; \
	make -s -k -f tests/sandbox/programs.mk; \
	! parallel --version 2>/dev/null | grep -q "^GNU parallel" || \
	    set -- --no-parallelize-within-files \
	        --jobs "$${JOBS:-$$(($$(getconf _NPROCESSORS_ONLN) + 1))}"; \
	exec bats --tap "$$@" tests/grader

proofs:
	@exec tools/proofs

book:
	@exec tools/book

notes:
	@exec tools/notes --renew

diff:
	@if [ -n "$$FROM" ] && [ -n "$$TO" ]; then \
	    exec tools/diff "$$FROM" "$$TO"; \
	elif [ -n "$$STAGE" ] && [ -z "$$FROM$$TO" ]; then \
	    exec tools/diff $${PART:+--part "$$PART"} "$$STAGE"; \
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

.PHONY: all demo trace room broker start test watch hint status submit tryrow \
	handout grade bughunt rowhunt viva similar gradescope classroom50 bench matrix mutants \
	variants cluster grader \
	proofs book notes diff carry check doctor clean help $(FOLDERS)
