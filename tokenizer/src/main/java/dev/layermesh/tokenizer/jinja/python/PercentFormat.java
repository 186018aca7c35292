package dev.layermesh.tokenizer.jinja.python;

import dev.layermesh.tokenizer.jinja.python.Value.Dict;
import dev.layermesh.tokenizer.jinja.python.Value.Namespace;
import dev.layermesh.tokenizer.jinja.python.Value.Str;
import dev.layermesh.tokenizer.jinja.python.Value.Tuple;
import dev.layermesh.tokenizer.jinja.python.Value.Undefined;
import java.math.BigInteger;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Python's {@code format % arguments}. */
public final class PercentFormat {
  private static final Pattern CONVERSION =
      Pattern.compile("%(?:\\(((?:[^()]|\\([^()]*\\))*)\\))?([-+ #0]*)(\\*|\\d+)?(?:\\.(\\*|\\d*))?[hlL]?(.)?",
          Pattern.DOTALL);

  private final Budget budget;
  private final boolean safe;
  private final Value arguments;
  private final List<Value> positional;
  private int next;

  private PercentFormat(Value arguments, boolean safe, Budget budget) {
    this.arguments = arguments;
    this.positional = arguments instanceof Tuple tuple ? tuple.items() : List.of(arguments);
    this.safe = safe;
    this.budget = budget;
  }

  /** Formats a tuple of arguments, a dict of arguments by name, or one argument. Markup escapes its arguments. */
  public static Str format(Str format, Value arguments, Budget budget) {
    return format.like(new PercentFormat(arguments, format.safe(), budget).format(format.text()));
  }

  private String format(String format) {
    Matcher conversion = CONVERSION.matcher(format);
    var text = new StringBuilder();
    int end = 0;
    while (conversion.find(end)) {
      text.append(format, end, conversion.start()).append(convert(conversion));
      end = conversion.end();
      budget.text(text.length());
    }
    budget.text((long) text.length() + format.length() - end);
    text.append(format, end, format.length());
    if (next < positional.size() && !isMapping()) {
      throw JinjaException.type("not all arguments converted during string formatting");
    }
    return text.toString();
  }

  /** Whether arguments may be left over: lists count as mappings here. */
  private boolean isMapping() {
    return !(arguments instanceof Tuple || arguments instanceof Str || Numbers.isNumber(arguments)
        || arguments == Value.NONE || arguments instanceof Namespace || arguments instanceof Value.Callable
        || arguments instanceof Value.Iter || arguments instanceof Value.DictView);
  }

  private String convert(Matcher conversion) {
    if (conversion.group(5) == null) {
      throw JinjaException.value("incomplete format");
    }
    String flags = conversion.group(2);
    int width = number(conversion.group(3)).orElse(0);
    boolean left = flags.contains("-") || width < 0;
    Optional<Integer> precision = number(conversion.group(4)).map(digits -> Math.max(0, digits));
    char code = conversion.group(5).charAt(0);
    if (code == '%') {
      return "%";
    }
    if ("diouxXeEfFgGcrsa".indexOf(code) < 0) {
      throw JinjaException.value("unsupported format character '" + code + "'");
    }
    Value argument = conversion.group(1) == null ? nextArgument() : named(conversion.group(1));
    String converted = converted(code, argument, flags, precision);
    return pad(converted, Math.abs(width), left, flags.contains("0") && "crsa".indexOf(code) < 0);
  }

  private Optional<Integer> number(String digits) {
    if (digits == null) {
      return Optional.empty();
    }
    if (digits.equals("*")) {
      Value argument = nextArgument();
      return Optional.of(Numbers.clamp(Numbers.integer(argument)
          .orElseThrow(() -> JinjaException.type("* wants int"))));
    }
    return Optional.of(digits.isEmpty() ? 0
        : Numbers.parseInteger(digits, 10).map(Numbers::clamp).orElse(Integer.MAX_VALUE));
  }

  private Value nextArgument() {
    if (next >= positional.size()) {
      throw JinjaException.type("not enough arguments for format string");
    }
    return positional.get(next++);
  }

  private Value named(String name) {
    if (arguments instanceof Undefined undefined) {
      throw undefined.failure();
    }
    if (!(arguments instanceof Dict dict)) {
      throw JinjaException.type("format requires a mapping");
    }
    return dict.get(name).orElseThrow(() -> new JinjaException("KeyError", Text.repr(name)));
  }

  private String converted(char code, Value argument, String flags, Optional<Integer> precision) {
    return switch (code) {
      case 's' -> cut(safe ? Text.escape(argument, budget).text() : Text.str(argument, budget), precision);
      case 'r' -> cut(escaped(Text.repr(argument, budget)), precision);
      case 'a' -> cut(escaped(Text.ascii(Text.repr(argument, budget))), precision);
      case 'c' -> character(argument);
      case 'd', 'i', 'u', 'o', 'x', 'X' -> integer(code, argument, flags, precision);
      default -> real(code, argument, flags, precision.orElse(6));
    };
  }

  private String escaped(String text) {
    return safe ? Text.escape(text) : text;
  }

  private static String cut(String text, Optional<Integer> precision) {
    return precision.isPresent() && precision.get() < PyStr.length(text)
        ? PyStr.substring(text, 0, precision.get())
        : text;
  }

  private static String character(Value argument) {
    if (argument instanceof Str text && PyStr.length(text.text()) == 1) {
      return text.text();
    }
    BigInteger point = Numbers.integer(argument).orElseThrow(() -> JinjaException.type("%c requires int or char"));
    return PyStr.character(point);
  }

  private static String integer(char code, Value argument, String flags, Optional<Integer> precision) {
    BigInteger integer = Numbers.integer(argument).orElseGet(() -> {
      if (argument instanceof Value.Float number && "diu".indexOf(code) >= 0) {
        return Numbers.truncate(number.value());
      }
      if (argument instanceof Undefined undefined && "diu".indexOf(code) >= 0) {
        throw undefined.failure();
      }
      throw JinjaException.type("%" + code + " format: a number is required, not " + argument.typeName());
    });
    int radix = code == 'o' ? 8 : code == 'x' || code == 'X' ? 16 : 10;
    String digits = radix == 10 ? Numbers.text(integer.abs()) : integer.abs().toString(radix);
    int least = Math.min(precision.orElse(0), 1 << 16);
    digits = "0".repeat(Math.max(0, least - digits.length())) + (code == 'X' ? digits.toUpperCase() : digits);
    String prefix = flags.contains("#") && radix != 10 ? "0" + code : "";
    return sign(integer.signum() < 0, flags) + prefix + digits;
  }

  private static String real(char code, Value argument, String flags, int precision) {
    if (argument instanceof Undefined undefined) {
      throw undefined.failure();
    }
    if (!Numbers.isNumber(argument)) {
      throw JinjaException.type("must be real number, not " + argument.typeName());
    }
    double number = Numbers.real(argument);
    return sign(number < 0 || number == 0 && 1 / number < 0, flags)
        + Reals.digits(number, code, precision, flags.contains("#"));
  }

  private static String sign(boolean negative, String flags) {
    return negative ? "-" : flags.contains("+") ? "+" : flags.contains(" ") ? " " : "";
  }

  private String pad(String text, int width, boolean left, boolean zeros) {
    int missing = width - PyStr.length(text);
    if (missing <= 0) {
      return text;
    }
    budget.text(width);
    if (left) {
      return text + " ".repeat(missing);
    }
    if (!zeros) {
      return " ".repeat(missing) + text;
    }
    int digits = 0;
    while (digits < text.length() && "+- ".indexOf(text.charAt(digits)) >= 0) {
      digits++;
    }
    if (text.length() > digits + 1 && text.charAt(digits) == '0' && "xXo".indexOf(text.charAt(digits + 1)) >= 0) {
      digits += 2;
    }
    return text.substring(0, digits) + "0".repeat(missing) + text.substring(digits);
  }
}
