package dev.layermesh.tokenizer.jinja.python;

import dev.layermesh.tokenizer.jinja.python.Value.Bool;
import dev.layermesh.tokenizer.jinja.python.Value.Int;
import dev.layermesh.tokenizer.jinja.python.Value.Str;
import java.math.BigInteger;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Python's {@code format(value, spec)}: {@code [[fill]align][sign][z][#][0][width][grouping][.precision][type]}. */
record FormatSpec(Optional<String> fill, Optional<Character> align, char sign, boolean alternate, boolean zeros,
    int width, Optional<Character> grouping, Optional<Integer> precision, Optional<Character> type) {
  private static final Pattern SPEC = Pattern.compile(
      "(?:(.)?([<>=^]))??([-+ ])?(z)?(#)?(0)?(\\d+)?([,_])?(?:\\.(\\d+))?(.)?", Pattern.DOTALL);

  static String format(Value value, String spec, Budget budget) {
    if (spec.isEmpty()) {
      return Text.str(value, budget);
    }
    return switch (value) {
      case Str text -> parse(spec).text(text.text(), budget);
      case Int integer -> parse(spec).integer(integer.value(), budget);
      case Bool bool -> parse(spec).integer(bool.value() ? BigInteger.ONE : BigInteger.ZERO, budget);
      case Value.Float number -> parse(spec).real(number.value(), budget);
      default -> throw JinjaException.type(
          "unsupported format string passed to " + value.typeName() + ".__format__");
    };
  }

  private static FormatSpec parse(String spec) {
    Matcher parts = SPEC.matcher(spec);
    if (!parts.matches()) {
      throw JinjaException.value("Invalid format specifier");
    }
    return new FormatSpec(
        Optional.ofNullable(parts.group(1)),
        Optional.ofNullable(parts.group(2)).map(align -> align.charAt(0)),
        parts.group(3) == null ? 0 : parts.group(3).charAt(0),
        parts.group(5) != null,
        parts.group(6) != null,
        number(parts.group(7)).orElse(0),
        Optional.ofNullable(parts.group(8)).map(grouping -> grouping.charAt(0)),
        number(parts.group(9)),
        Optional.ofNullable(parts.group(10)).map(type -> type.charAt(0)));
  }

  private static Optional<Integer> number(String digits) {
    if (digits == null) {
      return Optional.empty();
    }
    return Optional.of(Numbers.parseInteger(digits.replaceFirst("^0+(?=.)", ""), 10).map(Numbers::clamp).orElseThrow(
        () -> JinjaException.value("Too many decimal digits in format string")));
  }

  private String text(String text, Budget budget) {
    if (type.isPresent() && type.get() != 's') {
      throw unknown("str");
    }
    if (sign != 0 || alternate || grouping.isPresent() || align.isPresent() && align.get() == '=') {
      throw JinjaException.value("not allowed in string format specifier");
    }
    String shown = precision.isPresent() && precision.get() < PyStr.length(text)
        ? PyStr.substring(text, 0, precision.get())
        : text;
    return pad("", shown, align.orElse('<'), fill.orElse(zeros ? "0" : " "), budget);
  }

  private JinjaException unknown(String typeName) {
    return JinjaException.value("Unknown format code '" + type.get() + "' for object of type '" + typeName + "'");
  }

  private String integer(BigInteger integer, Budget budget) {
    char code = type.orElse('d');
    if ("eEfFgG%".indexOf(code) >= 0) {
      return real(Numbers.real(new Int(integer)), budget);
    }
    if (precision.isPresent()) {
      throw JinjaException.value("Precision not allowed in integer format specifier");
    }
    String digits = integer.abs().toString(switch (code) {
      case 'b' -> 2;
      case 'o' -> 8;
      case 'x', 'X' -> 16;
      case 'd', 'n' -> 10;
      case 'c' -> 10;
      default -> throw unknown("int");
    });
    if (code == 'c') {
      return pad("", PyStr.character(integer), align.orElse('<'), fill.orElse(" "), budget);
    }
    String prefix = alternate && "boxX".indexOf(code) >= 0 ? "0" + code : "";
    return number(integer.signum() < 0, prefix, code == 'X' ? digits.toUpperCase() : digits, budget);
  }

  private String real(double number, Budget budget) {
    char code = type.orElse('r');
    String digits;
    switch (code) {
      case 'e', 'E', 'f', 'F', 'g', 'G' -> digits = Reals.digits(number, code, precision.orElse(6), alternate);
      case 'n' -> digits = Reals.digits(number, 'g', precision.orElse(6), alternate);
      case '%' -> digits = Reals.digits(number * 100, 'f', precision.orElse(6), alternate) + "%";
      case 'r' -> digits = precision.isPresent() ? withPoint(number) : Numbers.text(Math.abs(number));
      default -> throw unknown("float");
    }
    return number(number < 0 || number == 0 && 1 / number < 0, "", digits, budget);
  }

  /** Without a type a float keeps a digit behind its point. */
  private String withPoint(double number) {
    String digits = Reals.digits(number, 'g', precision.get(), alternate);
    return Double.isFinite(number) && digits.indexOf('.') < 0 && digits.indexOf('e') < 0 ? digits + ".0" : digits;
  }

  /** Puts sign and prefix before digits, groups them and fills to the width. */
  private String number(boolean negative, String prefix, String digits, Budget budget) {
    String before = (negative ? "-" : sign == '+' ? "+" : sign == ' ' ? " " : "") + prefix;
    char place = align.orElse(zeros ? '=' : '>');
    String filling = fill.orElse(zeros ? "0" : " ");
    String whole = grouping.isPresent() ? grouped(digits, place == '=' && filling.equals("0")
        ? width - before.length() : 0) : digits;
    return pad(before, whole, place, filling, budget);
  }

  /** Groups the digits before the point; zeros fill them to a width, in groups as well. */
  private String grouped(String digits, int least) {
    int end = 0;
    while (end < digits.length() && Character.digit(digits.charAt(end), 16) >= 0
        && !(type.isPresent() && "eEgG".indexOf(type.get()) >= 0 && digits.charAt(end) == 'e')) {
      end++;
    }
    int size = type.isPresent() && "boxX".indexOf(type.get()) >= 0 ? 4 : 3;
    String rest = digits.substring(end);
    var grouped = new StringBuilder();
    int count = 0;
    for (int i = end - 1; i >= 0 || grouped.length() + rest.length() < Math.min(least, 1 << 16); i--) {
      if (count > 0 && count % size == 0) {
        grouped.append(grouping.get());
      }
      grouped.append(i >= 0 ? digits.charAt(i) : '0');
      count++;
    }
    return grouped.reverse() + rest;
  }

  private String pad(String before, String text, char place, String filling, Budget budget) {
    int missing = width - PyStr.length(before) - PyStr.length(text);
    if (missing <= 0) {
      return before + text;
    }
    budget.text(width);
    return switch (place) {
      case '<' -> before + text + filling.repeat(missing);
      case '^' -> filling.repeat(missing / 2) + before + text + filling.repeat(missing - missing / 2);
      case '=' -> before + filling.repeat(missing) + text;
      default -> filling.repeat(missing) + before + text;
    };
  }
}
