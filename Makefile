# The host's Python, any from 3.9, runs the tools; they find or make the interpreters.
HOST_PYTHON = python3

# Of serve and bench: the interpreter (3.14, 3.14t, ...) and options of the program itself.
PYTHON = 3.14
ARGS =

# Of serve alone. What is not given is left to subsrv.
MODE = interp
WORKERS =
APP =
BIND =
WITH =

# Of test: the interpreter matrix; t is the newest free-threaded build that can be had.
LEGS = t 3.13 3.14 3.15

.PHONY: help serve test lint bench fuzz soak clean

help:
	@echo 'make serve   serve an app (hello without APP) with workers that are isolates'
	@echo '             MODE=interp|nogil|thread|process  WORKERS=2  APP=module:attribute'
	@echo '             BIND=127.0.0.1:8080  PYTHON=3.14  WITH="flask ..." (packages to install)'
	@echo '             ARGS="any further options"'
	@echo 'make test    lint, types and tests on every interpreter  LEGS="$(LEGS)"'
	@echo '             ARGS="--jobs N (steps at a time; default: the CPUs and one) and options of pytest"'
	@echo 'make lint    lint and types only'
	@echo 'make bench   CPU per request of one worker, against a responder in C, and instructions'
	@echo '             per request, against those kept in the repository  PYTHON=3.14'
	@echo 'make fuzz    look for inputs that break the parser or a connection, for two minutes'
	@echo '             ARGS="--seconds 600 parser" (or connection)'
	@echo 'make soak    mixed good, bad, slow and reset traffic in every mode, for five minutes'
	@echo '             ARGS="--seconds 60 --modes interp"'
	@echo 'make clean   remove the environments and caches of this checkout'

serve:
	@exec $(HOST_PYTHON) -m tools.run $(if $(WITH),--with "$(WITH)") $(PYTHON) \
	    -m subsrv $(APP) --mode $(MODE) $(if $(WORKERS),--workers $(WORKERS)) \
	    $(if $(BIND),--bind $(BIND)) $(ARGS)

test:
	@exec $(HOST_PYTHON) -m tools.matrix --legs "$(LEGS)" $(ARGS)

lint:
	@exec $(HOST_PYTHON) -m tools.matrix --lint

bench:
	@$(HOST_PYTHON) -m tools.wrk
	@exec $(HOST_PYTHON) -m tools.run --dev $(PYTHON) -m experiments.bench $(ARGS)

# Installed here and not with the other tools: it has wheels for few interpreters.
fuzz:
	@PYTHONPATH=tests exec $(HOST_PYTHON) -m tools.run --dev --with atheris==3.1.0 3.14 -m fuzz $(ARGS)

soak:
	@exec $(HOST_PYTHON) -m tools.run --dev $(PYTHON) -m experiments.soak $(ARGS)

clean:
	rm -rf .venvs build dist *.egg-info .hypothesis .pytest_cache .mypy_cache .ruff_cache
	find . -name __pycache__ -prune -exec rm -rf {} +
