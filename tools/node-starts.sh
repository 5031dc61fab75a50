#!/bin/sh
# Makes sure that the project's own Node starts, and says in one sentence what it lacks when it does not.
# With INSTALL_PACKAGES=1 and the rights to do so, a missing library is installed.
node=node_modules/.bin/node
said=$($node --version 2>&1) && exit 0
case "$said" in
*libatomic*) package=libatomic1 ;;
*libstdc++*) package=libstdc++6 ;;
*)
  echo "The project's Node 26 ($node) does not start: $said" >&2
  echo "Run 'make clean' and then the command again; the npm registry must be reachable." >&2
  exit 1
  ;;
esac
if [ "${INSTALL_PACKAGES:-}" = 1 ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  apt-get update -qq && apt-get install -y -qq "$package" >/dev/null && $node --version >/dev/null && exit 0
fi
echo "Node 26 needs the library $package, which this machine lacks: run 'apt-get install $package', then the command again." >&2
exit 1
