#!/usr/bin/env bash
# Runs LayerMesh, llama.cpp, Jlama and llama3.java in turn on the same shapes and prints ratios: --help says more.
set -euo pipefail

LLAMA_CPP=@node-llama-cpp/linux-x64@3.22.1 # prebuilt llama.cpp "v0.5.0"
LLAMA_HEADER=llama.rn@0.13.0-rc.5 # vendors a llama.h that fits it
JLAMA=0.8.4
MIN_JDK=25

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)

usage() {
  cat <<EOF2
usage: benchmarks/peers/run.sh [OPTION...]

Installs the peers and writes synthetic models into a scratch folder (once), then runs every engine in turn, round by
round, and prints the ratios as Markdown. Needs Linux on x86-64 (llama.cpp's build is for it), 8 GB of memory, 10 GB of disk,
npm, g++, Maven, Python 3.10 and a JDK $MIN_JDK; uses the network for the npm registry and Maven Central alone.

  --scratch DIR      folder for peers and models (\$LAYERMESH_PEERS, else ~/.cache/layermesh-peers)
  --quick            smol135, q8_0, 2 threads, tg32 v8 pp128, 2 rounds: about two minutes
  --engines LIST     of layermesh-native,layermesh-vector,llama.cpp,jlama,llama3.java
                     (default: all, llama3.java with --llama3 only)
  --llama3 FILE      Llama3.java of github.com/mukel/llama3.java, which is on neither registry
  --layermesh CMD    the command under test (default: bin/layermesh of this repository)
  --shapes LIST      smol135,llama1b: of SmolLM2-135M and Llama-3.2-1B, random weights
  --formats LIST     q8_0,q4_0,bf16
  --threads LIST     default 2,1
  --tests GROUPS     default tg32,v2,v4,v8/v16,pp128,pp512; an engine runs one group per turn
  --rounds N         default 5
  --warm-up SECONDS  of Jlama and llama3.java per test (default 10); LayerMesh warms itself up
  --limit MINUTES    no turn starts after that (default 120); --slice-limit SECONDS ends one turn (default 180)
  --lock FILE        held during each turn, for machines that several benchmarks share
  --urgent           turns run at a higher priority than other processes (root only): without it, an engine that
                     waits at barriers is very slow as soon as another process runs
  --out FILE         the report, also on stdout
  --install-only     stop before the first round

  --perplexity TEXT  instead of the comparison: scores a text with llama.cpp and LayerMesh, with the first number of
                     --threads, and prints both figures and LayerMesh's divided by llama.cpp's. Needs --model
  --model FILE.gguf  the model that scores
  --windows N        windows of 512 tokens at most (default 8)
EOF2
}

fail() { # STATUS MESSAGE
  echo "run.sh: $2" >&2
  exit "$1"
}

scratch=${LAYERMESH_PEERS:-${XDG_CACHE_HOME:-$HOME/.cache}/layermesh-peers}
engines="" llama3="" layermesh=$root/bin/layermesh
shapes=smol135,llama1b formats=q8_0,q4_0,bf16 threads=2,1 tests=tg32,v2,v4,v8/v16,pp128,pp512 rounds=5
warm_up=10 limit=120 slice_limit=180 lock="" urgent=false out="" install_only=false
perplexity="" model="" windows=8

while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) usage; exit 0 ;;
    --quick) shapes=smol135 formats=q8_0 threads=2 tests=tg32,v8,pp128 rounds=2 limit=10; shift; continue ;;
    --urgent) urgent=true; shift; continue ;;
    --install-only) install_only=true; shift; continue ;;
    --scratch | --engines | --llama3 | --layermesh | --shapes | --formats | --threads | --tests | --rounds | --warm-up | \
      --limit | --slice-limit | --lock | --out | --perplexity | --model | --windows) ;;
    *) fail 2 "$1: no such option, see --help" ;;
  esac
  [ $# -gt 1 ] || fail 2 "$1: a value is missing"
  name=${1#--}
  printf -v "${name//-/_}" %s "$2"
  shift 2
done

check() { # OPTION VALUE PATTERN
  [[ $2 =~ ^$3$ ]] || fail 2 "--$1 $2: must look like $3"
}
list_of() { # PATTERN
  echo "($1)(,($1))*"
}
test_names=$(list_of '(tg|v|pp)[1-9][0-9]{0,2}')
check shapes "$shapes" "$(list_of 'smol135|llama1b')"
check formats "$formats" "$(list_of 'q8_0|q4_0|bf16')"
check threads "$threads" "$(list_of '[1-9][0-9]{0,2}')"
check tests "$tests" "$test_names(/$test_names)*"
check rounds "$rounds" '[1-9][0-9]{0,2}'
check warm-up "$warm_up" '[0-9]+(\.[0-9]+)?'
check limit "$limit" '[0-9]+(\.[0-9]+)?'
check slice-limit "$slice_limit" '[1-9][0-9]*'
check windows "$windows" '[1-9][0-9]*'
if [ -n "$perplexity" ]; then
  [ -r "$perplexity" ] || fail 2 "--perplexity $perplexity: cannot read it"
  [ -r "$model" ] || fail 2 "--model ${model:-(none)}: cannot read it; --perplexity needs a GGUF file"
  engines=llama.cpp,layermesh-native
fi
if [ -z "$engines" ]; then engines=layermesh-native,layermesh-vector,llama.cpp,jlama${llama3:+,llama3.java}; fi
check engines "$engines" "$(list_of 'layermesh-native|layermesh-vector|llama\.cpp|jlama|llama3\.java')"
uses() { [[ ,$engines, == *,$1,* ]]; } # ENGINE
if uses llama3.java; then
  [ -n "$llama3" ] || fail 2 "llama3.java: say where its source lies with --llama3 FILE (github.com/mukel/llama3.java, MIT)"
  [ -r "$llama3" ] || fail 2 "--llama3 $llama3: cannot read it"
fi

[ "$(uname -sm)" = "Linux x86_64" ] || fail 2 "$(uname -sm): the prebuilt llama.cpp is for Linux on x86_64"
need() { command -v "$1" >/dev/null || fail 2 "$1: not found on PATH; it is needed for $2"; } # TOOL PURPOSE
need python3 "the models and the report"
python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' || fail 2 "$(python3 --version): Python 3.10 or later is needed"

java_home="" # the first JDK that is new enough
for candidate in "${JAVA25_HOME:-}" "${JAVA_HOME:-}" "$(dirname "$(dirname "$(readlink -f "$(command -v java || echo /)")")")" \
  /usr/lib/jvm/* /opt/*; do
  if [ -x "$candidate/bin/javac" ] && [ -r "$candidate/release" ]; then
    version=$(sed -n 's/^JAVA_VERSION="\([0-9]*\).*/\1/p' "$candidate/release")
    if [ "${version:-0}" -ge "$MIN_JDK" ]; then java_home=$candidate; break; fi
  fi
done
[ -n "$java_home" ] || fail 2 "no JDK $MIN_JDK or later: set JAVA_HOME to where it lies"

mkdir -p "$scratch/models" 2>/dev/null || fail 2 "--scratch $scratch: cannot make this folder"
scratch=$(cd "$scratch" && pwd)
log=$scratch/last-step.log
step() { # MESSAGE COMMAND...: runs it quietly, and says so when it fails
  echo "run.sh: $1" >&2
  nice timeout 1200 "${@:2}" >"$log" 2>&1 ||
    fail 1 "$1: failed: $(grep -im 1 error "$log" || tail -n 1 "$log" | grep . || echo "no message") (all of it in $log)"
}

libraries=$scratch/llama.cpp/node_modules/@node-llama-cpp/linux-x64/bins/linux-x64

install_llama_cpp() {
  local dir=$scratch/llama.cpp
  if [ "$(cat "$dir/version" 2>/dev/null)" != "$LLAMA_CPP $LLAMA_HEADER" ]; then
    need npm "llama.cpp"
    rm -rf "$dir"
    mkdir -p "$dir/include"
    step "installing $LLAMA_CPP" npm install --prefix "$dir" --ignore-scripts --no-audit --no-fund "$LLAMA_CPP"
    step "fetching the header of $LLAMA_HEADER" npm pack --pack-destination "$dir" "$LLAMA_HEADER"
    tar -xzf "$dir"/llama.rn-*.tgz -C "$dir/include" --wildcards --strip-components=4 \
      'package/vendor/llama.cpp/include/*.h'
    tar -xzf "$dir"/llama.rn-*.tgz -C "$dir/include" --wildcards --strip-components=5 \
      'package/vendor/llama.cpp/ggml/include/*.h'
    rm "$dir"/llama.rn-*.tgz
    echo "$LLAMA_CPP $LLAMA_HEADER" >"$dir/version"
  fi
  local program
  for program in llama_bench llama_perplexity; do
    if [ ! "$dir/$program" -nt "$here/$program.cpp" ]; then
      need g++ "llama.cpp"
      step "compiling $program" g++ -O2 -std=c++17 -I "$dir/include" "$here/$program.cpp" -o "$dir/$program" \
        -L "$libraries" -l:libllama.v0.5.0.so -l:libggml.v0.5.0.so -l:libggml-base.so "-Wl,-rpath,$libraries" \
        -Wl,--allow-shlib-undefined
    fi
  done
}

install_jlama() {
  local dir=$scratch/jlama
  if [ "$(cat "$dir/version" 2>/dev/null)" != "$JLAMA" ]; then
    need mvn "Jlama"
    rm -rf "$dir"
    mkdir -p "$dir"
    cat >"$dir/pom.xml" <<EOF2
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>dev.layermesh</groupId><artifactId>peers</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>com.github.tjake</groupId><artifactId>jlama-core</artifactId><version>$JLAMA</version></dependency>
    <dependency>
      <groupId>com.github.tjake</groupId><artifactId>jlama-native</artifactId><version>$JLAMA</version>
      <classifier>linux-x86_64</classifier>
    </dependency>
  </dependencies>
</project>
EOF2
    step "installing Jlama $JLAMA" mvn -B -q -f "$dir/pom.xml" dependency:copy-dependencies "-DoutputDirectory=$dir/lib"
    echo "$JLAMA" >"$dir/version"
  fi
  if [ ! "$dir/classes/com/github/tjake/jlama/model/JlamaBench.class" -nt "$here/JlamaBench.java" ]; then
    step "compiling JlamaBench" "$java_home/bin/javac" -cp "$dir/lib/*" -d "$dir/classes" "$here/JlamaBench.java"
  fi
}

install_llama3() {
  local dir=$scratch/llama3
  step "compiling llama3.java" "$java_home/bin/javac" --add-modules jdk.incubator.vector -d "$dir/classes" \
    "$llama3" "$here/Llama3Bench.java"
}

models() { # for every engine what it reads
  local shape format model
  for shape in ${shapes//,/ }; do
    for format in ${formats//,/ }; do
      model=$scratch/models/$shape-$format.gguf
      [ -f "$model" ] || step "writing $model" python3 "$here/synthetic.py" "$shape" "$format" "$model"
      if uses jlama && [ "$format" != q8_0 ]; then
        model=$scratch/models/$shape-hf
        [ -d "$model" ] || step "writing $model" python3 "$here/synthetic.py" "$shape" hf "$model"
      fi
      if uses jlama && [ "$format" = q4_0 ]; then
        model=$scratch/models/$shape-jlama-q4
        if [ ! -d "$model" ]; then
          rm -rf "$model.part"
          step "writing $model" "$java_home/bin/java" --add-modules jdk.incubator.vector --enable-native-access=ALL-UNNAMED \
            --sun-misc-unsafe-memory-access=allow -cp "$scratch/jlama/classes:$scratch/jlama/lib/*" \
            com.github.tjake.jlama.model.JlamaBench quantize "$scratch/models/$shape-hf" "$model.part"
          mv "$model.part" "$model"
        fi
      fi
    done
  done
}

score() { # prints what both say of the text, and the ratio
  local context=512 threads=${threads%%,*} theirs ours
  theirs=$(GGML_DIR=$libraries "$scratch/llama.cpp/llama_perplexity" "$model" "$perplexity" "$threads" "$context" "$windows")
  echo "llama.cpp: $theirs"
  ours=$("$layermesh" perplexity --model "$model" --text "$perplexity" --threads "$threads" --context "$context" \
    --windows "$windows")
  echo "LayerMesh: $ours"
  awk -v ours="$ours" -v theirs="$theirs" 'BEGIN {
    split(ours, o, "[ ,]"); split(theirs, t, "[ ,]"); printf "LayerMesh / llama.cpp: %.4f\n", o[2] / t[2] }'
}

if $urgent && [ "$(id -u)" != 0 ]; then fail 2 "--urgent: only root may go before others"; fi
if [[ $engines == *layermesh* ]] && ! $install_only; then
  step "building $layermesh" bash -c "$layermesh bench-engine --help"
fi
if uses llama.cpp; then install_llama_cpp; fi
if [ -n "$perplexity" ]; then
  if ! $install_only; then score; fi
  exit 0
fi
if uses jlama; then install_jlama; fi
if uses llama3.java; then install_llama3; fi
models
{
  echo "{"
  if uses llama.cpp; then echo "\"llama.cpp\": \"npm $LLAMA_CPP (libllama v0.5.0)\","; fi
  if uses jlama; then echo "\"Jlama\": \"$JLAMA\","; fi
  if uses llama3.java; then echo "\"llama3.java\": \"sha256 $(sha256sum "$llama3" | cut -c1-12)\","; fi
  echo "\"models\": \"synthetic.py, $(sha256sum "$here/synthetic.py" | cut -c1-12)\"}"
} >"$scratch/versions.json"
if $install_only; then exit 0; fi

more=()
if [ -n "$lock" ]; then more+=(--lock "$lock"); fi
if [ -n "$out" ]; then more+=(--out "$out"); fi
if $urgent; then more+=(--urgent); fi
exec python3 "$here/compare.py" --scratch "$scratch" --java-home "$java_home" --layermesh "$layermesh" --engines "$engines" \
  --shapes "$shapes" --formats "$formats" --threads "$threads" --tests "$tests" --rounds "$rounds" --warm-up "$warm_up" \
  --limit "$limit" --slice-limit "$slice_limit" "${more[@]}"
