// Runs one chat template inside the sandbox: `jinja` is the library, `host` the three functions that Java lends.
// Adds to the library what transformers' Jinja environment has and it lacks.
(function (jinja) {
  const { Environment, Interpreter, Template } = jinja;
  const MAX_RANGE = 100000; // jinja2.sandbox.MAX_RANGE

  let said; // what the template said with raise_exception

  const range = (...args) => {
    const [start, stop, step] = args.length === 1 ? [0, args[0], 1] : [args[0], args[1], args[2] ?? 1];
    if (step === 0) throw new Error("range() step must not be zero");
    const length = Math.max(0, Math.ceil((stop - start) / step));
    if (!(length <= MAX_RANGE)) throw new Error(`range of ${length}; templates may not exceed ${MAX_RANGE}`);
    return Array.from({ length }, (_, i) => start + i * step);
  };

  const globals = {
    range,
    strftime_now: (format) => host.strftimeNow(String(format)),
    raise_exception: (message) => {
      said = String(message);
      throw new Error(said);
    },
  };

  const set = Environment.prototype.set;
  Environment.prototype.set = function (name, value) {
    return set.call(this, name, Object.hasOwn(globals, name) ? globals[name] : value);
  };

  Environment.TESTS.set("ne", (a, b) => a.value !== b.value);
  Environment.TESTS.set("==", (a, b) => a.value === b.value);
  Environment.TESTS.set("!=", (a, b) => a.value !== b.value);

  // str.strip, lstrip and rstrip with the characters to remove.
  const StringValue = new Environment().set("probe", "").constructor;
  const FunctionValue = new Environment().set("probe", () => "").constructor;
  const builtins = Object.getOwnPropertyDescriptor(StringValue.prototype, "builtins").get;
  const strip = (text, characters, left, right) => {
    const points = Array.from(text);
    let from = 0;
    let to = points.length;
    while (left && from < to && characters.includes(points[from])) from++;
    while (right && to > from && characters.includes(points[to - 1])) to--;
    return points.slice(from, to).join("");
  };
  Object.defineProperty(StringValue.prototype, "builtins", {
    get() {
      const methods = builtins.call(this);
      if (!methods.patched) {
        methods.patched = true;
        for (const [name, left, right] of [["strip", true, true], ["lstrip", true, false], ["rstrip", false, true]]) {
          const plain = methods.get(name).value;
          methods.set(name, new FunctionValue((args, scope) =>
            args[0]?.type === "StringValue"
              ? new StringValue(strip(this.value, Array.from(args[0].value), left, right))
              : plain(args, scope)));
        }
      }
      return methods;
    },
  });

  const BooleanValue = new Environment().set("probe", true).constructor;
  BooleanValue.prototype.toString = function () {
    return this.value ? "True" : "False";
  };

  // Python's `text % arguments`, the conversions that make sense in text.
  const format = (text, positional, named) => {
    let next = 0;
    const result = text.replace(
      /%(?:\((\w+)\))?([-0+ ]*)(\d*)(?:\.(\d+))?([sdifxX%])/g,
      (_, name, flags, width, precision, conversion) => {
        if (conversion === "%") return "%";
        const value = name === undefined ? positional[next++] : named.get(name);
        if (value === undefined) throw new Error("not enough arguments for format string");
        let body = "";
        let sign = "";
        if (conversion === "s") {
          body = value.toString();
          if (precision !== undefined) body = Array.from(body).slice(0, Number(precision)).join("");
        } else {
          const number = Number(value.value);
          if (Number.isNaN(number) || value.type === "StringValue") {
            throw new Error(`%${conversion} format: a number is required`);
          }
          sign = number < 0 ? "-" : flags.includes("+") ? "+" : flags.includes(" ") ? " " : "";
          const size = Math.abs(number);
          if (conversion === "f") body = size.toFixed(Number(precision ?? 6));
          else if (conversion === "x") body = Math.trunc(size).toString(16);
          else if (conversion === "X") body = Math.trunc(size).toString(16).toUpperCase();
          else body = String(Math.trunc(size));
        }
        const missing = Math.max(0, Number(width) - sign.length - body.length);
        if (flags.includes("-")) return sign + body + " ".repeat(missing);
        if (flags.includes("0") && conversion !== "s") return sign + "0".repeat(missing) + body;
        return " ".repeat(missing) + sign + body;
      },
    );
    if (next < positional.length) throw new Error("not all arguments converted during string formatting");
    return result;
  };

  const applyFilter = Interpreter.prototype.applyFilter;
  Interpreter.prototype.applyFilter = function (operand, node, environment) {
    if (node.type === "CallExpression" && node.callee.value === "format" && operand.type === "StringValue") {
      const [positional, named] = this.evaluateArguments(node.args, environment);
      return new operand.constructor(format(operand.value, positional, named));
    }
    return applyFilter.call(this, operand, node, environment);
  };

  let template;
  globalThis.render = function () {
    said = undefined;
    try {
      const request = JSON.parse(host.request());
      template ??= new Template(request.template);
      host.reply(JSON.stringify({ text: template.render(request.variables) }));
    } catch (error) {
      host.reply(JSON.stringify(said === undefined ? { error: error.message || error.name } : { said }));
    }
  };
})
