#!/usr/bin/env python3
"""Writes random templates with what Jinja2 renders, for JinjaReferenceTest.

jinja_generated.json beside this file was written with Jinja2 3.1.6 and MarkupSafe 3.0.3 on CPython 3.11:

    generate_cases.py 500 --seed 1 > jinja_generated.json

More templates with another seed find more; any that differs is a fault of the interpreter. The environment is the one
that transformers gives chat templates.
"""
import argparse
import json
import random
import sys

import jinja2
import jinja2.ext
from jinja2.sandbox import ImmutableSandboxedEnvironment


class Generation(jinja2.ext.Extension):
    """The generation tag of transformers, as it renders when the assistant's spans are not recorded."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_body"), [], [], body).set_lineno(line)

    def _body(self, caller):
        return caller()


def environment():
    env = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols])

    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    return env


VARIABLES = {
    "messages": [
        {"role": "system", "content": "Be <brief> & kind."},
        {"role": "user", "content": "  Hello\nwörld \U0001f642! \t"},
        {"role": "assistant", "content": None, "tool_calls": [
            {"id": "c1", "type": "function", "function": {
                "name": "weather", "arguments": {"city": "Köln", "days": 3, "metric": True}}}]},
        {"role": "tool", "name": "weather", "tool_call_id": "c1", "content": "12.5"},
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
    ],
    "tools": [{"type": "function", "function": {
        "name": "weather", "description": "It's \"the\" weather", "parameters": {
            "type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
            "required": ["city"]}}}],
    "documents": None,
    "add_generation_prompt": True,
    "bos_token": "<s>",
    "n": 7, "m": -3, "z": 0, "big": 12345678901234567890, "x": 2.5, "tiny": 1e-7, "huge": 1e22, "third": 1 / 3,
    "word": "Hello", "text": "one two  three\nfour-five, six", "empty": "", "num": " 42 ", "uni": "Straße İx 🙂 ǆ",
    "html": "<b>\"x\" & 'y'</b>", "names": ["bob", "Alice", "carol", "alice"], "nums": [3, 1, 2, 2, 10],
    "mixed": [1, 2.5, True, None, "a", [1], {"k": 1}], "none": None,
    "pairs": {"b": 1, "a": 2, "C": 3}, "nested": {"l": [1, [2, 3]], "d": {"k": "v"}, "items": "x"},
    "rows": [{"n": "x", "v": 3, "t": {"u": 1}}, {"n": "Y", "v": 1}, {"n": "x", "v": 2.0}],
}

STRINGS = ["word", "text", "empty", "num", "uni", "html", "'a'", "'Ab c'", "' pad '", "''", "'x,y,,z'", "'%s|%s'",
           "'a\\tb\\n'", "\"it's\"", "'1_0'", "'-3'", "'3.0e2'", "'{}'", "'é'", "'aXbXc'", "messages[0].content",
           "messages[1]['content']", "'tab\\tbed'", "'one' 'two'", "('a' ~ n)", "(word|lower)"]
INTS = ["n", "m", "z", "0", "1", "2", "-1", "10", "255", "1_000", "true", "(n|length if false else 3)",
        "messages|length", "nums[0]"]
FLOATS = ["x", "0.1", "1.0", "-2.5", "1e3", "tiny", "huge", "third", "2.675", "0.5", "1.5"]
LISTS = ["names", "nums", "mixed", "[]", "[1, 2, 3]", "['b', 'a']", "rows", "messages", "range(4)", "(1, 2)",
         "nested.l", "[[1, 2], [3]]", "[n, x, word]", "('x',)", "range(5, 0, -2)", "[none, true]", "word|list"]
DICTS = ["pairs", "nested", "{}", "{'k': 1, 'j': [2]}", "messages[0]", "rows[0]", "tools[0].function",
         "dict(a=1, b='x')", "{1: 'i', 'two': 2.0, none: true}"]
OTHERS = ["none", "true", "false", "missing", "missing_too", "documents", "rows[9]", "pairs.nothing", "big"]

STR_METHODS = ["upper()", "lower()", "title()", "capitalize()", "strip()", "lstrip()", "rstrip()", "strip('a b')",
               "split()", "split(',')", "split('o', 1)", "rsplit(' ', 1)", "rsplit()", "splitlines()",
               "splitlines(true)", "replace('a', 'ZZ')", "replace('', '-')", "replace('o', '', 1)", "find('o')",
               "rfind('o')", "count('a')", "count('')", "startswith('a')", "startswith(('H', 'o'))", "endswith('o')",
               "isdigit()", "isalpha()", "isalnum()", "isupper()", "islower()", "istitle()", "isspace()",
               "isnumeric()", "isdecimal()", "isidentifier()", "isprintable()", "isascii()", "center(9)",
               "center(8, '*')", "ljust(8)", "rjust(8, '.')", "zfill(8)", "swapcase()", "casefold()",
               "partition('o')", "rpartition(' ')", "removeprefix('a')", "removesuffix('o')", "expandtabs()",
               "expandtabs(4)", "encode()", "index('o')", "join(['x', 'y'])", "join(names)", "format(1, 2)",
               "format(n, k=x)", "find('o', 2)", "find('l', -3, -1)", "endswith('b', 0, -1)", "split(none, 1)",
               "split(sep='e')", "translate({97: 'Q', 98: none})", "rindex('e')", "splitlines(keepends=true)"]
SEQ_METHODS = ["count(2)", "index(1)", "append(1)", "pop()", "sort()", "copy()"]
DICT_METHODS = ["get('k')", "get('a', 9)", "keys()", "values()", "items()", "keys()|list", "values()|list",
                "items()|list", "update({'q': 1})", "pop('a')", "copy()", "setdefault('a', 1)", "items"]
FILTERS_ANY = ["string", "length", "count", "list", "default('D')", "default('D', true)", "d(1)", "tojson", "first",
               "last", "reverse", "reverse|list", "int", "float", "upper", "lower", "trim", "title", "capitalize",
               "escape", "e", "safe", "replace('a', 'b')", "string|length", "join(',')", "join", "sort", "min", "max",
               "sum", "unique|list", "abs", "round", "round(1)", "round(2, 'floor')", "round(0, 'ceil')", "indent",
               "indent(2, true)", "indent(width='> ', blank=true)", "wordcount", "truncate(6)",
               "truncate(6, true, '..', 0)", "truncate(9, leeway=0)", "center(12)", "batch(2)|list",
               "batch(2, 'f')|list", "slice(2)|list", "slice(2, 'f')|list", "map('string')|list", "map('upper')|join",
               "select|list", "reject|list", "select('string')|list", "reject('none')|list", "select('odd')|list",
               "map('length')|list", "items|list", "dictsort", "dictsort(true)", "dictsort(by='value')",
               "dictsort(reverse=true)", "tojson(indent=2)", "tojson(ensure_ascii=true)", "tojson(sort_keys=true)",
               "tojson(separators=(',', ':'))", "filesizeformat", "filesizeformat(true)", "forceescape", "striptags",
               "urlencode", "xmlattr", "wordwrap(10)", "int(default=5)", "int(0, 16)", "float(1.5)",
               "sort(reverse=true)", "sort(case_sensitive=true)", "unique(true)|list", "map('default', 'q')|list",
               "attr('upper')", "attr('n')", "sum(start=10)", "first|default('none')", "select('in', [1, 2])|list",
               "select('eq', 2)|list", "select('>', 1)|list", "map('int')|sum", "map('abs')|list", "format(1, 'z')",
               "map('trim')|map('upper')|list", "string|list", "list|length", "length == 0"]
FILTERS_ROWS = ["map(attribute='n')|list", "map(attribute='v')|sum", "selectattr('v')|list", "map(attribute='t.u')|list",
                "selectattr('v', 'gt', 1)|map(attribute='n')|list", "rejectattr('t')|list", "groupby('n')",
                "groupby('v')|map('first')|list", "sort(attribute='v')|map(attribute='v')|list",
                "sort(attribute='n,v')|map(attribute='v')|list", "selectattr('t', 'defined')|list", "sum(attribute='v')",
                "map(attribute='t.u', default='-')|list", "unique(attribute='n')|list", "min(attribute='v')",
                "max(attribute='v')", "join('; ', attribute='n')", "groupby('n', case_sensitive=true)",
                "groupby('t.u', default=0)", "selectattr('n', 'equalto', 'x')|list|length"]
TESTS = ["defined", "undefined", "none", "string", "number", "integer", "float", "boolean", "mapping", "sequence",
         "iterable", "callable", "odd", "even", "true", "false", "lower", "upper", "divisibleby 3", "divisibleby(2)",
         "eq 2", "equalto 'a'", "ne none", "gt 1", "lt(5)", "ge 2", "in [1, 'a']", "sameas none", "escaped",
         "in nums", "filter", "test", "== 1", "greaterthan 0"]


class Writer:
    def __init__(self, rng):
        self.rng = rng
        self.depth = 0

    def pick(self, *choices):
        return self.rng.choice(choices)

    def atom(self):
        return self.rng.choice(self.rng.choice([STRINGS, STRINGS, INTS, INTS, FLOATS, LISTS, LISTS, DICTS, OTHERS]))

    def expr(self, depth=0):
        if depth > 2 or self.rng.random() < 0.2:
            return self.atom()
        kinds = [self.filtered, self.filtered, self.filtered, self.method, self.method, self.binary, self.binary,
                 self.compare, self.test, self.logic, self.subscript, self.subscript, self.percent, self.conditional,
                 self.literal, self.brace, self.unary, self.concat, self.rows]
        return self.rng.choice(kinds)(depth + 1)

    def part(self, depth):
        expr = self.expr(depth)
        return expr if expr.isidentifier() else f"({expr})"

    def filtered(self, depth):
        return f"{self.part(depth)}|{self.rng.choice(FILTERS_ANY)}"

    def rows(self, depth):
        return f"rows|{self.rng.choice(FILTERS_ROWS)}"

    def method(self, depth):
        kind = self.rng.random()
        if kind < 0.7:
            return f"({self.rng.choice(STRINGS)}).{self.rng.choice(STR_METHODS)}"
        if kind < 0.8:
            return f"({self.rng.choice(LISTS)}).{self.rng.choice(SEQ_METHODS)}"
        if kind < 0.95:
            return f"({self.rng.choice(DICTS)}).{self.rng.choice(DICT_METHODS)}"
        return f"{self.part(depth)}.{self.pick('upper()', 'items()', 'nope', 'a', '0', 'real', '__class__', '_x')}"

    def binary(self, depth):
        kind = self.rng.random()
        operator = self.pick("+", "-", "*", "/", "//", "%")
        if kind < 0.5:
            left = self.rng.choice(INTS + FLOATS)
            right = self.rng.choice(INTS + FLOATS)
            if self.rng.random() < 0.15:
                return f"({left}) ** {self.pick('2', '3', '0', '-1', '2.0', '2 ** 3')}"
            return f"({left}) {operator} ({right})" if self.rng.random() < 0.5 else f"{left} {operator} {right}"
        if kind < 0.8:
            source = self.pick(STRINGS, LISTS)
            return f"{self.rng.choice(source)} + {self.rng.choice(source)}"
        if kind < 0.9:
            return f"({self.atom()}) * {self.pick('0', '2', '3', '-1', 'true')}"
        return f"{self.part(depth)} {operator} {self.part(depth)}"

    def compare(self, depth):
        operators = ["==", "!=", "<", "<=", ">", ">=", "in", "not in"]
        parts = [self.part(depth)]
        for _ in range(self.pick(1, 1, 1, 2)):
            parts += [self.rng.choice(operators), self.part(depth)]
        return " ".join(parts)

    def test(self, depth):
        return f"{self.part(depth)} is {self.pick('', '', 'not ')}{self.rng.choice(TESTS)}"

    def logic(self, depth):
        return f"{self.pick('', 'not ')}{self.part(depth)} {self.pick('and', 'or')} {self.part(depth)}"

    def subscript(self, depth):
        index = self.pick("0", "-1", "1", "'a'", "'k'", "'n'", "n", "1:", ":2", "::2", "::-1", "1:-1", "-2:", "99", "none",
                          "x", "'role'", ":", "-1:0:-1", "5:1", "'upper'")
        source = self.pick(STRINGS, LISTS, ["nested", "rows[0]"] if ":" in index else DICTS)
        return f"({self.rng.choice(source)})[{index}]"

    def percent(self, depth):
        spec = self.pick("%s", "%d", "%5d", "%-5s|", "%05.1f", "%x", "%r", "%+d", "%.2f", "%e", "%g", "%%", "%c", "%5.2s|",
                         "%i", "%#x", "%o", "%08.3f", "% d", "%s %s", "%(a)s", "%a", "%G", "%10.4g|", "%.0f", "%E")
        value = self.pick(self.atom(), self.atom(), f"({self.atom()}, {self.atom()})", "{'a': 1}", f"({self.atom()},)")
        return f"'{spec}' % {value}"

    def brace(self, depth):
        spec = self.pick("{}", "{:>6}", "{:<6}|", "{:^7}", "{:05d}", "{:.2f}", "{:x}", "{:,}", "{!r}", "{0} {0}", "{:+}",
                         "{:*^9}", "{:e}", "{:g}", "{:%}", "{:b}", "{:#o}", "{:_}", "{0[0]}", "{:08.2f}", "{:.3}", "{:n}",
                         "{{}}", "{a}", "{0.real}", "{:,.2f}", "{:>{1}}", "{:d}", "{!s:>8}", "{:G}", "{:010,}", "{:=+7}")
        return f"'{spec}'.format({self.atom()}, {self.pick('5', self.atom())})"

    def conditional(self, depth):
        end = f" else {self.part(depth)}" if self.rng.random() < 0.7 else ""
        return f"{self.part(depth)} if {self.part(depth)}{end}"

    def literal(self, depth):
        items = [self.expr(depth) for _ in range(self.pick(0, 1, 2, 3))]
        kind = self.pick("list", "tuple", "dict")
        if kind == "dict":
            return "{" + ", ".join(f"{self.pick('1', chr(39) + 'k' + chr(39), 'n', '1.0', 'true')}: {i}" for i in items) + "}"
        if kind == "tuple":
            return "(" + "".join(i + ", " for i in items) + ")"
        return "[" + ", ".join(items) + "]"

    def unary(self, depth):
        return f"{self.pick('-', '+', 'not ', '- -')}{self.part(depth)}"

    def concat(self, depth):
        return " ~ ".join(self.part(depth) for _ in range(self.pick(2, 3)))

    # Statements

    def tag(self, body):
        left = self.pick("{%", "{%", "{%", "{%-", "{%+")
        right = self.pick("%}", "%}", "%}", "-%}", "+%}")
        return f"{left} {body} {right}"

    def data(self):
        return self.pick("", "\n", " ", "  ", "text", " a\n", "\n  ", "\n\n", "b", "\t", "<x>", "  \n  ", "{# c #}", "{#- c -#}",
                         "\n  {# c #}\n", "{% raw %}{{ r }}{% endraw %}", "  {%- raw -%} {% x %} {%- endraw +%}\n")

    def body(self, depth):
        return "".join(self.data() + self.statement(depth) for _ in range(self.pick(1, 1, 2))) + self.data()

    def statement(self, depth=0):
        if depth > 2:
            return self.output()
        kinds = [self.output, self.output]
        nested = [self.if_, self.if_, self.for_, self.for_, self.set_, self.set_, self.macro, self.block_set, self.with_,
                  self.filter_block, self.call, self.namespace, self.generation, self.autoescape]
        kind = self.rng.choice(kinds + nested)
        return kind(depth + 1) if kind in nested else kind()

    def name(self):
        return self.pick("a", "b", "c", "n", "word")

    def output(self):
        if self.rng.random() < 0.3:
            return self.pick("{{ a }}", "{{ b }}", "{{ c }}", "{{ n }}", "{{ a is defined }}", "{{ [a, b] }}", "{{ word }}")
        left, right = self.pick(("{{", "}}"), ("{{", "}}"), ("{{-", "}}"), ("{{", "-}}"))
        return f"{left} {self.expr(1)} {right}"

    def if_(self, depth):
        text = self.tag(f"if {self.expr(2)}") + self.body(depth)
        if self.rng.random() < 0.3:
            text += self.tag(f"elif {self.expr(2)}") + self.body(depth)
        if self.rng.random() < 0.4:
            text += self.tag("else") + self.body(depth)
        return text + self.tag("endif")

    def for_(self, depth):
        target = self.pick("a", "b", "a", "n", "a, b")
        items = "pairs.items()" if "," in target else self.pick(
            self.rng.choice(LISTS), self.rng.choice(LISTS), "nums", "names", "pairs", "word", "nums|select", "missing",
            "rows|map(attribute='v')", "nums|sort")
        condition = f" if {self.pick('a', 'loop', 'n', self.expr(2))}" if self.rng.random() < 0.25 else ""
        condition = condition.replace("if loop", "if a")
        text = self.tag(f"for {target} in {items}{condition}")
        text += self.pick("", "{{ loop.index }}", "{{ loop.last }}", "{{ loop.length }}", "{{ loop.revindex0 }}",
                          "{{ loop.previtem }}|{{ loop.nextitem }}", "{{ loop.cycle('o', 'e') }}", "{{ loop.changed(a) }}",
                          "{{ loop.first }}{{ loop.depth }}", "{{ loop.index0 }}{{ loop.revindex }}", "{{ loop }}")
        text += self.pick("", "{{ a }}", "{{ b }}", "{{ a }},")
        if self.rng.random() < 0.2:
            text += self.tag(f"if {self.pick('loop.index == 2', 'loop.first', self.expr(2))}")
            text += self.tag(self.pick("break", "continue")) + self.tag("endif")
        text += self.body(depth)
        if self.rng.random() < 0.25:
            text += self.tag("else") + self.body(depth)
        return text + self.tag("endfor")

    def set_(self, depth):
        if self.rng.random() < 0.15:
            return self.tag(f"set a, b = {self.pick('1, 2', '(word, n)', 'nums', '[1, 2]', self.expr(2))}")
        return self.tag(f"set {self.name()} = {self.expr(1)}")

    def block_set(self, depth):
        pipe = self.pick("", "", " | upper", " | trim | title", " | length")
        return self.tag(f"set {self.name()}{pipe}") + self.body(depth) + self.tag("endset")

    def with_(self, depth):
        return self.tag(f"with {self.name()} = {self.expr(2)}") + self.body(depth) + self.tag("endwith")

    def filter_block(self, depth):
        pipe = self.pick("upper", "trim", "replace('a', 'Q')", "indent(3)", "length", "title|trim", "escape", "reverse")
        return self.tag(f"filter {pipe}") + self.body(depth) + self.tag("endfilter")

    def macro(self, depth):
        signature = self.pick("a", "a, b", "a, b=1", "a='x', b=a", "", "c=word")
        extra = self.pick("", "", "{{ varargs }}", "{{ kwargs }}", "{{ caller is defined }}")
        text = self.tag(f"macro f({signature})") + "[" + self.body(depth) + extra + "]" + self.tag("endmacro")
        return text + self.data() + self.use()

    def use(self):
        return "{{ f(" + self.pick("", "1", "word, n", "a=2", "b=nums", "1, 2, 3", "*nums", "**{'a': 1}", self.atom()) + ") }}"

    def call(self, depth):
        text = self.tag("macro g(a='A')") + "<{{ a }}{{ caller(" + self.pick("", "1", "a") + ") }}>" + self.tag("endmacro")
        signature = self.pick("", "(b)", "(b=2)")
        return text + self.tag(f"call{signature} g({self.pick('', '1', 'n')})") + self.body(depth) + self.tag("endcall")

    def namespace(self, depth):
        text = self.tag(f"set ns = namespace(v={self.atom()}, w=0)")
        text += self.tag("for i in nums") + self.tag(f"set ns.w = {self.pick('ns.w + i', 'ns.w ~ i', 'i', self.expr(2))}")
        return text + self.tag("endfor") + "{{ ns.w }}{{ ns.v }}{{ ns.u }}" + self.pick("", "{{ ns }}")

    def generation(self, depth):
        return self.tag("generation") + self.body(depth) + self.tag("endgeneration")

    def autoescape(self, depth):
        return self.tag(f"autoescape {self.pick('true', 'false')}") + "{{ html }}" + self.body(depth) + self.tag("endautoescape")

    def template(self):
        kind = self.rng.random()
        if kind < 0.5:
            return "{{ " + self.expr() + " }}"
        return "".join(self.data() + self.statement() for _ in range(self.pick(1, 2, 3))) + self.data()


def rendered(env, template):
    case = {"template": template}
    try:
        case["text"] = env.from_string(template).render(**json.loads(json.dumps(VARIABLES)))
    except Exception as error:  # any exception is an outcome to compare
        case["error"] = type(error).__name__
        case["message"] = str(error)
    return case


def is_repeatable(case):
    """Addresses of objects differ from run to run."""
    text = case.get("text", "")
    return "0x7" not in text.lower() and "7x0" not in text.lower() and len(text) < 1500


def main():
    options = argparse.ArgumentParser()
    options.add_argument("count", type=int)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--failures", type=float, default=0.15, help="largest share of templates that raise")
    options = options.parse_args()
    env = environment()
    writer = Writer(random.Random(options.seed))
    cases = []
    failures = 0
    while len(cases) < options.count:
        case = rendered(env, writer.template())
        if not is_repeatable(case):
            continue
        if "error" in case:
            if failures >= options.failures * (len(cases) + 1):
                continue
            failures += 1
        cases.append(case)
    json.dump({"jinja2": jinja2.__version__, "variables": VARIABLES, "cases": cases}, sys.stdout, ensure_ascii=False,
              indent=1)
    print()


if __name__ == "__main__":
    main()
