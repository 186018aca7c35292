package dev.layermesh.tokenizer.jinja;

import dev.layermesh.tokenizer.jinja.python.Arguments.Bound;
import dev.layermesh.tokenizer.jinja.python.Arguments;
import dev.layermesh.tokenizer.jinja.python.Attributes;
import dev.layermesh.tokenizer.jinja.python.Budget;
import dev.layermesh.tokenizer.jinja.python.JinjaException;
import dev.layermesh.tokenizer.jinja.python.Keys;
import dev.layermesh.tokenizer.jinja.python.Numbers;
import dev.layermesh.tokenizer.jinja.python.Operators.Binary;
import dev.layermesh.tokenizer.jinja.python.Operators.Comparison;
import dev.layermesh.tokenizer.jinja.python.Operators;
import dev.layermesh.tokenizer.jinja.python.PyStr;
import dev.layermesh.tokenizer.jinja.python.Sorting;
import dev.layermesh.tokenizer.jinja.python.Text;
import dev.layermesh.tokenizer.jinja.python.Value.Dict;
import dev.layermesh.tokenizer.jinja.python.Value.Iter;
import dev.layermesh.tokenizer.jinja.python.Value.PyList;
import dev.layermesh.tokenizer.jinja.python.Value.Str;
import dev.layermesh.tokenizer.jinja.python.Value.Tuple;
import dev.layermesh.tokenizer.jinja.python.Value.Undefined;
import dev.layermesh.tokenizer.jinja.python.Value;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.UnaryOperator;

/** The filters that work on lists, dicts and other collections. */
final class SequenceFilters {
  private SequenceFilters() {}

  static void addTo(Map<String, Filters.Open> table) {
    for (String name : List.of("length", "count")) {
      Filters.add(table, name, "value", (a, in) -> Value.of(Operators.length(a.value("value"))));
    }
    for (String name : List.of("default", "d")) {
      Filters.add(table, name, "value default_value? boolean?", (a, in) -> orDefault(a));
    }
    Filters.add(table, "list", "value", (a, in) -> new PyList(items(a, in)));
    Filters.add(table, "first", "seq", SequenceFilters::first);
    Filters.add(table, "last", "seq", SequenceFilters::last);
    Filters.add(table, "random", "seq", SequenceFilters::random);
    Filters.add(table, "reverse", "value", SequenceFilters::reverse);
    Filters.add(table, "join", "value d? attribute?", SequenceFilters::join);
    Filters.add(table, "attr", "obj name", SequenceFilters::attribute);
    Filters.add(table, "items", "value", SequenceFilters::pairs);
    Filters.add(table, "sort", "value reverse? case_sensitive? attribute?", SequenceFilters::sort);
    Filters.add(table, "dictsort", "value case_sensitive? by? reverse?", SequenceFilters::sortDict);
    Filters.add(table, "groupby", "value attribute default? case_sensitive?", SequenceFilters::group);
    Filters.add(table, "unique", "value case_sensitive? attribute?", SequenceFilters::unique);
    Filters.add(table, "min", "value case_sensitive? attribute?", (a, in) -> extreme(a, in, Comparison.LESS));
    Filters.add(table, "max", "value case_sensitive? attribute?", (a, in) -> extreme(a, in, Comparison.GREATER));
    Filters.add(table, "sum", "iterable attribute? start?", SequenceFilters::sum);
    Filters.add(table, "batch", "value linecount fill_with?", SequenceFilters::batch);
    Filters.add(table, "slice", "value slices fill_with?", SequenceFilters::slice);
    table.put("map", SequenceFilters::map);
    table.put("select", (arguments, in) -> select(arguments, in, false, true));
    table.put("reject", (arguments, in) -> select(arguments, in, false, false));
    table.put("selectattr", (arguments, in) -> select(arguments, in, true, true));
    table.put("rejectattr", (arguments, in) -> select(arguments, in, true, false));
  }

  private static List<Value> items(Bound a, Interpreter in) {
    return Operators.list(a.value("value"), in.budget());
  }

  private static Value orDefault(Bound a) {
    Value value = a.value("value");
    boolean replaced = value instanceof Undefined || a.flag("boolean", false) && !Operators.truth(value);
    return replaced ? a.or("default_value", Value.of("")) : value;
  }

  private static Value first(Bound a, Interpreter in) {
    Iterator<Value> items = Operators.iterate(a.value("seq"), in.budget());
    return items.hasNext() ? items.next() : Undefined.hint("No first item, sequence was empty.");
  }

  private static Value last(Bound a, Interpreter in) {
    Value value = a.value("seq");
    if (!isReversible(value)) {
      throw JinjaException.type("'" + value.typeName() + "' object is not reversible");
    }
    List<Value> items = Operators.list(value, in.budget());
    return items.isEmpty() ? Undefined.hint("No last item, sequence was empty.") : items.getLast();
  }

  private static boolean isReversible(Value value) {
    return Operators.isSized(value) && !(value instanceof Value.Callable);
  }

  private static Value random(Bound a, Interpreter in) {
    Value value = a.value("seq");
    int length = Operators.length(value);
    return length == 0
        ? Undefined.hint("No random item, sequence was empty.")
        : Attributes.item(value, Value.of(ThreadLocalRandom.current().nextInt(length)), in.budget());
  }

  private static Value reverse(Bound a, Interpreter in) {
    Value value = a.value("value");
    if (value instanceof Str text) {
      return Attributes.item(text, new Value.Slice(Value.NONE, Value.NONE, Value.of(-1)), in.budget());
    }
    if (!Operators.isIterable(value)) {
      throw Filters.wrongArgument("argument must be iterable");
    }
    List<Value> reversed = Operators.list(value, in.budget()).reversed();
    return isReversible(value) ? new Iter(value.typeName() + "_reverseiterator", reversed.iterator())
        : new PyList(reversed);
  }

  private static Value join(Bound a, Interpreter in) {
    Budget budget = in.budget();
    Optional<Value> attribute = a.unlessNone("attribute");
    UnaryOperator<Value> item = attribute.map(path -> attributeGetter(path, Optional.empty(), false, in))
        .orElse(UnaryOperator.identity());
    Value separator = a.or("d", Value.of(""));
    Iterator<Value> values = Operators.iterate(a.value("value"), budget);
    if (in.autoescape()) {
      return joinEscaped(values, separator, item, budget);
    }
    var joined = new StringBuilder();
    for (String between = ""; values.hasNext(); between = Text.str(separator, budget)) {
      String part = Text.str(item.apply(values.next()), budget);
      budget.text((long) between.length() + part.length());
      joined.append(between).append(part);
      budget.length(joined.length());
    }
    return Value.of(joined.toString());
  }

  /** Where output is escaped, one Markup among items and separator makes the whole Markup. */
  private static Value joinEscaped(
      Iterator<Value> values, Value separator, UnaryOperator<Value> item, Budget budget) {
    var parts = new ArrayList<Value>();
    values.forEachRemaining(value -> parts.add(item.apply(value)));
    boolean markup = separator instanceof Str text && text.safe()
        || parts.stream().anyMatch(part -> part instanceof Str text && text.safe());
    var texts = new ArrayList<String>();
    parts.forEach(part -> texts.add(markup ? Text.escape(part, budget).text() : Text.str(part, budget)));
    String joined = String.join(
        markup ? Text.escape(separator, budget).text() : Text.str(separator, budget), texts);
    budget.text(joined.length());
    return new Str(joined, markup);
  }

  private static Value attribute(Bound a, Interpreter in) {
    Value object = a.value("obj");
    String name = a.text("name").text();
    boolean exists = object instanceof Undefined || name.startsWith("__")
        || Attributes.find(object, name).isPresent();
    return exists ? Attributes.attribute(object, name) : Attributes.missing(object, Value.of(name));
  }

  private static Value pairs(Bound a, Interpreter in) {
    return Generators.generator(() -> switch (a.value("value")) {
      case Undefined undefined -> List.<Value>of().iterator();
      case Dict dict -> Operators.iterate(new Value.DictView(Value.DictView.Kind.ITEMS, dict), in.budget());
      default -> throw JinjaException.type("Can only get item pairs from a mapping.");
    });
  }

  // Keys of items

  /** Follows a path such as {@code user.names.0} from an item. */
  private static UnaryOperator<Value> attributeGetter(
      Value path, Optional<Value> absent, boolean ignoreCase, Interpreter in) {
    List<Value> steps = steps(path, in.budget());
    return item -> {
      Value value = item;
      for (Value step : steps) {
        Value found = Attributes.item(value, step, in.budget());
        value = found instanceof Undefined ? absent.orElse(found) : found;
      }
      return ignoreCase ? lower(value, in.budget()) : value;
    };
  }

  private static List<Value> steps(Value path, Budget budget) {
    if (path == Value.NONE) {
      return List.of();
    }
    if (!(path instanceof Str text)) {
      return List.of(path);
    }
    var steps = new ArrayList<Value>();
    for (String step : PyStr.split(text.text(), ".", -1, budget)) {
      boolean isIndex = !step.isEmpty() && step.chars().allMatch(Character::isDigit);
      steps.add(isIndex ? new Value.Int(Numbers.parseInteger(step, 10).orElseThrow()) : Value.of(step));
    }
    return steps;
  }

  private static Value lower(Value value, Budget budget) {
    if (!(value instanceof Str text)) {
      return value;
    }
    budget.text(text.text().length());
    return text.like(PyStr.lower(text.text()));
  }

  private static UnaryOperator<Value> key(Bound a, Interpreter in) {
    return attributeGetter(a.or("attribute", Value.NONE), a.unlessNone("default"),
        !a.flag("case_sensitive", false), in);
  }

  private static Value sort(Bound a, Interpreter in) {
    Value paths = a.or("attribute", Value.NONE);
    var keys = new ArrayList<UnaryOperator<Value>>();
    for (String path : paths instanceof Str text ? PyStr.split(text.text(), ",", -1, in.budget()) : List.of("")) {
      keys.add(attributeGetter(paths instanceof Str ? Value.of(path) : paths, Optional.empty(),
          !a.flag("case_sensitive", false), in));
    }
    List<Value> items = items(a, in);
    return new PyList(sorted(items, a.flag("reverse", false), in,
        item -> new PyList(keys.stream().map(key -> key.apply(item)).toList())));
  }

  /** Stable in both directions. */
  private static List<Value> sorted(List<Value> items, boolean reverse, Interpreter in, UnaryOperator<Value> key) {
    List<Value> ordered = new ArrayList<>(reverse ? items.reversed() : items);
    Sorting.sort(ordered, key, in.budget());
    return reverse ? ordered.reversed() : ordered;
  }

  private static Value sortDict(Bound a, Interpreter in) {
    Value by = a.or("by", Value.of("key"));
    boolean byKey = by.equals(Value.of("key"));
    if (!byKey && !by.equals(Value.of("value"))) {
      throw Filters.wrongArgument("You can only sort by either \"key\" or \"value\"");
    }
    if (!(a.value("value") instanceof Dict dict)) {
      throw Attributes.noMethod(a.value("value"), "items");
    }
    List<Value> pairs = Operators.list(new Value.DictView(Value.DictView.Kind.ITEMS, dict), in.budget());
    return new PyList(sorted(pairs, a.flag("reverse", false), in, pair -> {
      Value key = ((Tuple) pair).items().get(byKey ? 0 : 1);
      return a.flag("case_sensitive", false) ? key : lower(key, in.budget());
    }));
  }

  private static Value group(Bound a, Interpreter in) {
    UnaryOperator<Value> key = key(a, in);
    List<Value> sorted = sorted(items(a, in), false, in, key);
    UnaryOperator<Value> shown = attributeGetter(a.value("attribute"), a.unlessNone("default"), false, in);
    var groups = new ArrayList<Value>();
    for (int start = 0; start < sorted.size();) {
      Value first = key.apply(sorted.get(start));
      int end = start + 1;
      while (end < sorted.size() && Operators.same(first, key.apply(sorted.get(end)), in.budget())) {
        end++;
      }
      List<Value> members = List.copyOf(sorted.subList(start, end));
      groups.add(new Tuple(List.of(shown.apply(members.getFirst()), new PyList(members)), true));
      start = end;
    }
    return new PyList(groups);
  }

  private static Value unique(Bound a, Interpreter in) {
    return Generators.generator(() -> {
      UnaryOperator<Value> key = key(a, in);
      var seen = new HashSet<Object>();
      return Generators.mapped(Operators.iterate(a.value("value"), in.budget()),
          item -> seen.add(Keys.form(key.apply(item), in.budget())) ? Optional.of(item) : Optional.empty());
    });
  }

  private static Value extreme(Bound a, Interpreter in, Comparison better) {
    UnaryOperator<Value> key = key(a, in);
    Iterator<Value> items = Operators.iterate(a.value("value"), in.budget());
    if (!items.hasNext()) {
      return Undefined.hint("No aggregated item, sequence was empty.");
    }
    Value best = items.next();
    Value bestKey = key.apply(best);
    while (items.hasNext()) {
      Value item = items.next();
      Value itemKey = key.apply(item);
      if (Operators.compare(better, itemKey, bestKey, in.budget())) {
        best = item;
        bestKey = itemKey;
      }
    }
    return best;
  }

  private static Value sum(Bound a, Interpreter in) {
    UnaryOperator<Value> item = attributeGetter(a.or("attribute", Value.NONE), Optional.empty(), false, in);
    Value total = a.or("start", Value.of(0));
    if (total instanceof Str) {
      throw JinjaException.type("sum() can't sum strings [use ''.join(seq) instead]");
    }
    for (Iterator<Value> items = Operators.iterate(a.value("iterable"), in.budget()); items.hasNext();) {
      total = Operators.binary(Binary.ADD, total, item.apply(items.next()), in.budget());
    }
    return total;
  }

  // Parts

  private static Value batch(Bound a, Interpreter in) {
    return Generators.generator(() -> {
      int size = a.integer("linecount", 0);
      var batches = new ArrayList<Value>();
      List<Value> batch = new ArrayList<>();
      for (Value item : items(a, in)) {
        if (batch.size() == size) {
          batches.add(new PyList(batch));
          batch = new ArrayList<>();
        }
        batch.add(item);
      }
      if (!batch.isEmpty()) {
        Optional<Value> fill = a.unlessNone("fill_with");
        in.budget().items(fill.isPresent() ? Math.max(0, size - batch.size()) : 0);
        while (fill.isPresent() && batch.size() < size) {
          batch.add(fill.get());
        }
        batches.add(new PyList(batch));
      }
      return batches.iterator();
    });
  }

  private static Value slice(Bound a, Interpreter in) {
    return Generators.generator(() -> {
      List<Value> items = items(a, in);
      int count = a.integer("slices", 0);
      if (count == 0) {
        throw new JinjaException("ZeroDivisionError", "integer division or modulo by zero");
      }
      in.budget().items(Math.max(0, count));
      var slices = new ArrayList<Value>();
      int start = 0;
      for (int i = 0; i < count; i++) {
        boolean longer = i < items.size() % count;
        int end = start + items.size() / count + (longer ? 1 : 0);
        var slice = new ArrayList<>(items.subList(start, end));
        if (!longer) {
          a.unlessNone("fill_with").ifPresent(slice::add);
        }
        slices.add(new PyList(slice));
        start = end;
      }
      return slices.iterator();
    });
  }

  // Filters and tests for each item

  private static Value map(Arguments arguments, Interpreter in) {
    Value value = arguments.positional().getFirst();
    return Generators.generator(() -> {
      if (!Operators.truth(value)) {
        return List.<Value>of().iterator();
      }
      UnaryOperator<Value> mapped = mapping(arguments.from(1), in);
      return Generators.mapped(Operators.iterate(value, in.budget()), item -> Optional.of(mapped.apply(item)));
    });
  }

  private static UnaryOperator<Value> mapping(Arguments arguments, Interpreter in) {
    if (arguments.positional().isEmpty() && arguments.named().containsKey("attribute")) {
      arguments.named().keySet().stream().filter(name -> !name.equals("attribute") && !name.equals("default"))
          .findFirst().ifPresent(name -> {
            throw Filters.wrongArgument("Unexpected keyword argument '" + name + "'");
          });
      Optional<Value> absent =
          Optional.ofNullable(arguments.named().get("default")).filter(value -> value != Value.NONE);
      return attributeGetter(arguments.named().get("attribute"), absent, false, in);
    }
    if (arguments.positional().isEmpty()) {
      throw Filters.wrongArgument("map requires a filter argument");
    }
    String name = name(arguments.positional().getFirst(), "filter");
    Arguments rest = arguments.from(1);
    return item -> Filters.apply(name, rest.after(item), in);
  }

  private static String name(Value name, String what) {
    if (!(name instanceof Str text)) {
      throw new JinjaException("TemplateRuntimeError", "No " + what + " named " + name.typeName() + ".");
    }
    return text.text();
  }

  private static Value select(Arguments arguments, Interpreter in, boolean byAttribute, boolean wanted) {
    Value value = arguments.positional().getFirst();
    return Generators.generator(() -> {
      if (!Operators.truth(value)) {
        return List.<Value>of().iterator();
      }
      UnaryOperator<Value> subject = UnaryOperator.identity();
      if (byAttribute) {
        if (arguments.positional().size() < 2) {
          throw Filters.wrongArgument("Missing parameter for attribute name");
        }
        subject = attributeGetter(arguments.positional().get(1), Optional.empty(), false, in);
      }
      UnaryOperator<Value> test = test(arguments.from(byAttribute ? 2 : 1), in);
      UnaryOperator<Value> tested = subject;
      return Generators.mapped(Operators.iterate(value, in.budget()),
          item -> Operators.truth(test.apply(tested.apply(item))) == wanted ? Optional.of(item) : Optional.empty());
    });
  }

  private static UnaryOperator<Value> test(Arguments arguments, Interpreter in) {
    if (arguments.positional().isEmpty()) {
      return UnaryOperator.identity();
    }
    String name = name(arguments.positional().getFirst(), "test");
    Arguments rest = arguments.from(1);
    return item -> Tests.apply(name, rest.after(item), in);
  }
}
