# Two commands: `make demo` and `make test`. Both install what they need and say what is missing when they cannot.
.PHONY: demo test check install clean

INSTALLED := node_modules/.installed

demo: install
	@npm run --silent birthmark -- demo

test: export INSTALL_PACKAGES = 1
test: install
	@npm run --silent test

check: install
	@npm run --silent check

install: $(INSTALLED)
	@sh tools/node-starts.sh

$(INSTALLED): package-lock.json
	@command -v npm >/dev/null || { echo "npm is missing: install Node.js 20 or later with npm, then run make again." >&2; exit 1; }
	@# Not 'npm ci': a registry may lack the optional parts for other platforms, which 'ci' insists on. The lock file holds.
	npm install --no-save --no-audit --no-fund --loglevel=error
	@touch $@

clean:
	rm -rf node_modules
