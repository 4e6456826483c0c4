# In a hand-out, make test plays your own programs.
DIR = work
ifeq ($(filter test,$(MAKECMDGOALS))$(origin DIR)$(wildcard work),testfile)
$(error nothing is begun yet: make start STAGE=@STAGE@)
endif
