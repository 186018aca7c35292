package dev.layermesh.tokenizer.jinja.python;

import dev.layermesh.tokenizer.jinja.python.Value.Str;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Python's {@code str.format}. Fields reach attributes and items by the rules of the sandbox. */
final class BraceFormat {
  private static final Pattern NAME = Pattern.compile("([^.\\[]*)(.*)", Pattern.DOTALL);
  private static final Pattern ACCESS = Pattern.compile("\\.([^.\\[]+)|\\[([^\\]]+)\\]");

  private final Arguments arguments;
  private final boolean safe;
  private final Budget budget;
  private int automatic;
  private boolean manual;

  private BraceFormat(Arguments arguments, boolean safe, Budget budget) {
    this.arguments = arguments;
    this.safe = safe;
    this.budget = budget;
  }

  static Str format(Str format, Arguments arguments, Budget budget) {
    budget.text(format.text().length());
    return format.like(new BraceFormat(arguments, format.safe(), budget).format(format.text(), 2));
  }

  private String format(String format, int depth) {
    if (depth < 0) {
      throw JinjaException.value("Max string recursion exceeded");
    }
    var text = new StringBuilder();
    int position = 0;
    while (position < format.length()) {
      char next = format.charAt(position);
      if (next != '{' && next != '}') {
        text.append(next);
        position++;
      } else if (format.startsWith(next == '{' ? "{{" : "}}", position)) {
        text.append(next);
        position += 2;
      } else if (next == '}') {
        throw JinjaException.value("Single '}' encountered in format string");
      } else {
        int end = end(format, position);
        text.append(field(format.substring(position + 1, end), depth));
        budget.text(text.length());
        position = end + 1;
      }
    }
    return text.toString();
  }

  /** Where the brace closes that opens at a position. */
  private static int end(String format, int start) {
    if (start + 1 == format.length()) {
      throw JinjaException.value("Single '{' encountered in format string");
    }
    int open = 0;
    for (int i = start; i < format.length(); i++) {
      open += format.charAt(i) == '{' ? 1 : format.charAt(i) == '}' ? -1 : 0;
      if (open == 0) {
        return i;
      }
    }
    throw JinjaException.value("expected '}' before end of string");
  }

  /** A field: {@code name!conversion:spec}. */
  private String field(String field, int depth) {
    int bracket = 0;
    int nameEnd = 0;
    while (nameEnd < field.length() && (bracket > 0 || "!:".indexOf(field.charAt(nameEnd)) < 0)) {
      bracket += field.charAt(nameEnd) == '[' ? 1 : field.charAt(nameEnd) == ']' && bracket > 0 ? -1 : 0;
      nameEnd++;
    }
    String name = field.substring(0, nameEnd);
    if (name.indexOf('{') >= 0) {
      throw JinjaException.value("unexpected '{' in field name");
    }
    String rest = field.substring(nameEnd);
    Optional<Character> conversion = Optional.empty();
    if (rest.startsWith("!")) {
      if (rest.length() < 2 || rest.length() > 2 && rest.charAt(2) != ':') {
        throw JinjaException.value("expected ':' after conversion specifier");
      }
      conversion = Optional.of(rest.charAt(1));
      rest = rest.substring(2);
    }
    Value value = convert(value(name), conversion);
    String spec = rest.isEmpty() ? "" : format(rest.substring(1), depth - 1);
    return shown(value, spec);
  }

  private String shown(Value value, String spec) {
    if (!safe) {
      return FormatSpec.format(value, spec, budget);
    }
    if (value instanceof Str text && text.safe()) {
      if (!spec.isEmpty()) {
        throw JinjaException.value("Unsupported format specification for Markup.");
      }
      return text.text();
    }
    return Text.escape(FormatSpec.format(value, spec, budget));
  }

  private Value convert(Value value, Optional<Character> conversion) {
    if (conversion.isEmpty()) {
      return value;
    }
    return switch (conversion.get()) {
      case 's' -> Value.of(Text.str(value, budget));
      case 'r' -> Value.of(Text.repr(value, budget));
      case 'a' -> Value.of(Text.ascii(Text.repr(value, budget)));
      default -> throw JinjaException.value("Unknown conversion specifier " + conversion.get());
    };
  }

  private Value value(String field) {
    Matcher parts = NAME.matcher(field);
    parts.matches();
    Value value = argument(parts.group(1));
    Matcher access = ACCESS.matcher(parts.group(2));
    int end = 0;
    while (end < parts.group(2).length()) {
      if (!access.find(end) || access.start() != end) {
        throw JinjaException.value("Empty attribute in format string");
      }
      value = access.group(1) != null
          ? Attributes.attribute(value, access.group(1))
          : Attributes.item(value, index(access.group(2)), budget);
      end = access.end();
    }
    return value;
  }

  private static Value index(String index) {
    return isNumber(index) ? new Value.Int(Numbers.parseInteger(index, 10).orElseThrow()) : Value.of(index);
  }

  private static boolean isNumber(String text) {
    return !text.isEmpty() && text.length() < 10 && text.chars().allMatch(c -> c >= '0' && c <= '9');
  }

  private Value argument(String name) {
    if (name.isEmpty() || isNumber(name)) {
      boolean auto = name.isEmpty();
      if (auto ? manual : automatic > 0) {
        throw JinjaException.value("cannot switch between manual field specification and automatic field numbering");
      }
      manual = !auto;
      int index = auto ? automatic++ : Integer.parseInt(name);
      if (index >= arguments.positional().size()) {
        throw new JinjaException("IndexError",
            "Replacement index " + index + " out of range for positional args tuple");
      }
      return arguments.positional().get(index);
    }
    Value value = arguments.named().get(name);
    if (value == null) {
      throw new JinjaException("KeyError", Text.repr(name));
    }
    return value;
  }
}
