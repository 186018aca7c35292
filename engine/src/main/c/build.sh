#!/bin/sh
# Compiles the kernels for every instruction set into FOLDER/native/SYSTEM-ARCH/liblayermesh.so. Without a C compiler, or
# on a processor that the kernels are not written for, it says so and leaves no library: the JVM then runs Java kernels.
set -eu
sources=$(dirname "$0")
case $(uname -s)-$(uname -m) in
  Linux-x86_64) system=linux-amd64 ;;
  *) echo "layermesh: no C kernels for $(uname -s) $(uname -m): the Java kernels will run" && exit 0 ;;
esac
library=$1/native/$system/liblayermesh.so
if [ -f "$library" ] && [ -z "$(find "$sources" -newer "$library" -type f)" ]; then exit 0; fi
command -v "${CC:-cc}" >/dev/null || { echo "layermesh: no C compiler (cc): the Java kernels will run" && exit 0; }
objects=$(mktemp -d)
trap 'rm -rf "$objects"' EXIT
compile() { # OBJECT SOURCE FLAGS...
  object=$1 source=$2
  shift 2
  "${CC:-cc}" -O2 -fPIC -fvisibility=hidden -ffp-contract=off -Wall -Wextra -Werror "$@" \
    -c "$sources/$source" -o "$objects/$object.o"
}
avx2="-DISA=avx2 -mavx2 -mfma -mf16c"
avx512="-DISA=avx512 -mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512vnni -mfma -mf16c"
compile products-avx2 products.c $avx2 &
compile products-avx512 products.c $avx512
wait $!
compile verbs-avx2 verbs.c $avx2
compile verbs-avx512 verbs.c $avx512
compile dispatch dispatch.c
mkdir -p "${library%/*}"
"${CC:-cc}" -shared -o "$objects/liblayermesh.so" "$objects"/*.o
mv "$objects/liblayermesh.so" "$library"
