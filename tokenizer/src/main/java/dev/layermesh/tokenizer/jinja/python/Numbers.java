package dev.layermesh.tokenizer.jinja.python;

import dev.layermesh.tokenizer.jinja.python.Value.Bool;
import dev.layermesh.tokenizer.jinja.python.Value.Float;
import dev.layermesh.tokenizer.jinja.python.Value.Int;
import dev.layermesh.tokenizer.jinja.python.Value.Str;
import dev.layermesh.tokenizer.jinja.python.Value.Undefined;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.MathContext;
import java.math.RoundingMode;
import java.util.Optional;
import java.util.regex.Pattern;

/** Python's numbers: conversions, spelling, rounding and arithmetic. Bool is a kind of int. */
public final class Numbers {
  /** Digits of the longest integer that Python converts from or to text. */
  public static final int MAX_DIGITS = 4300;

  private static final int MAX_BITS = 1 << 16;
  private static final String DIGITS = "\\d++(?:_\\d++)*+"; // possessive: the time is linear in the text
  private static final Pattern FLOAT = Pattern.compile(
      "[+-]?(?:" + DIGITS + "\\.?+(?:" + DIGITS + ")?+|\\." + DIGITS + ")(?:[eE][+-]?" + DIGITS + ")?+");
  private static final Pattern SPECIAL = Pattern.compile("([+-]?)(inf|infinity|nan)", Pattern.CASE_INSENSITIVE);

  private Numbers() {}

  public static boolean isNumber(Value value) {
    return value instanceof Int || value instanceof Bool || value instanceof Float;
  }

  /** The integer of an int or bool. */
  public static Optional<BigInteger> integer(Value value) {
    return switch (value) {
      case Int integer -> Optional.of(integer.value());
      case Bool bool -> Optional.of(bool.value() ? BigInteger.ONE : BigInteger.ZERO);
      default -> Optional.empty();
    };
  }

  /** An int or bool as an index; numbers beyond an int's range become its ends. */
  public static int index(Value value) {
    return clamp(integer(value).orElseThrow(() -> value instanceof Undefined undefined
        ? JinjaException.type("'Undefined' object cannot be interpreted as an integer")
        : JinjaException.type("'" + value.typeName() + "' object cannot be interpreted as an integer")));
  }

  public static int clamp(BigInteger integer) {
    return integer.bitLength() < 32 ? integer.intValue() : integer.signum() < 0 ? Integer.MIN_VALUE : Integer.MAX_VALUE;
  }

  /** A number as a double. */
  public static double real(Value value) {
    return value instanceof Float number ? number.value() : real(integer(value).orElseThrow());
  }

  private static double real(BigInteger integer) {
    double real = integer.doubleValue();
    if (Double.isInfinite(real)) {
      throw JinjaException.overflow("int too large to convert to float");
    }
    return real;
  }

  // Conversions

  /** Python's {@code int(value)}. */
  public static BigInteger toInteger(Value value) {
    return switch (value) {
      case Float number -> truncate(number.value());
      case Str text -> parseInteger(text.text(), 10)
          .orElseThrow(() -> JinjaException.value("invalid literal for int() with base 10: " + Text.repr(text.text())));
      case Undefined undefined -> throw undefined.failure();
      default -> integer(value).orElseThrow(() -> JinjaException.type("int() argument must be a string, a bytes-like"
          + " object or a real number, not '" + value.typeName() + "'"));
    };
  }

  public static BigInteger truncate(double number) {
    if (Double.isNaN(number)) {
      throw JinjaException.value("cannot convert float NaN to integer");
    }
    if (Double.isInfinite(number)) {
      throw JinjaException.overflow("cannot convert float infinity to integer");
    }
    return new BigDecimal(number).toBigInteger();
  }

  /** Python's {@code int(text, base)}; base 0 reads the prefix. Empty where it raises ValueError. */
  public static Optional<BigInteger> parseInteger(String text, int base) {
    String digits = PyStr.strip(text);
    boolean negative = digits.startsWith("-");
    if (negative || digits.startsWith("+")) {
      digits = digits.substring(1);
    }
    int radix = base;
    String prefix = digits.length() > 1 ? digits.substring(0, 2).toLowerCase() : "";
    int prefixed = switch (prefix) {
      case "0x" -> 16;
      case "0o" -> 8;
      case "0b" -> 2;
      default -> 0;
    };
    boolean hasPrefix = prefixed != 0 && (base == 0 || base == prefixed);
    if (hasPrefix) {
      radix = prefixed;
      digits = digits.substring(digits.length() > 2 && digits.charAt(2) == '_' ? 3 : 2);
    } else if (base == 0) {
      radix = 10;
      if (digits.startsWith("0") && !digits.chars().allMatch(c -> c == '0' || c == '_')) {
        return Optional.empty();
      }
    }
    if (digits.isEmpty() || digits.startsWith("_") || digits.endsWith("_") || digits.contains("__")
        || digits.length() > MAX_DIGITS) {
      return Optional.empty();
    }
    String plain = digits.replace("_", "");
    int finalRadix = radix;
    if (!plain.codePoints().allMatch(c -> Character.digit(c, finalRadix) >= 0)) {
      return Optional.empty();
    }
    BigInteger magnitude = new BigInteger(plain, radix);
    return Optional.of(negative ? magnitude.negate() : magnitude);
  }

  /** Python's {@code float(value)}. */
  public static double toReal(Value value) {
    return switch (value) {
      case Str text -> parseReal(text.text())
          .orElseThrow(() -> JinjaException.value("could not convert string to float: " + Text.repr(text.text())));
      case Undefined undefined -> throw undefined.failure();
      default -> {
        if (!isNumber(value)) {
          throw JinjaException.type("float() argument must be a string or a real number, not '" + value.typeName()
              + "'");
        }
        yield real(value);
      }
    };
  }

  private static Optional<Double> parseReal(String text) {
    String stripped = PyStr.strip(text);
    var special = SPECIAL.matcher(stripped);
    if (special.matches()) {
      double size = special.group(2).toLowerCase().startsWith("i") ? Double.POSITIVE_INFINITY : Double.NaN;
      return Optional.of(special.group(1).equals("-") ? -size : size);
    }
    return FLOAT.matcher(stripped).matches()
        ? Optional.of(Double.valueOf(stripped.replace("_", "")))
        : Optional.empty();
  }

  // Spelling

  public static String text(BigInteger integer) {
    if (integer.bitLength() > MAX_DIGITS * 3.32) {
      String digits = integer.toString();
      if (digits.length() - (integer.signum() < 0 ? 1 : 0) > MAX_DIGITS) {
        throw JinjaException.value("Exceeds the limit (4300 digits) for integer string conversion");
      }
      return digits;
    }
    return integer.toString();
  }

  /** The shortest digits that read back as the same double; with an exponent below 1e-4 and from 1e16 on. */
  public static String text(double number) {
    if (!Double.isFinite(number)) {
      return Double.isNaN(number) ? "nan" : number > 0 ? "inf" : "-inf";
    }
    if (number == 0) {
      return 1 / number < 0 ? "-0.0" : "0.0";
    }
    BigDecimal shortest = shortest(number);
    int exponent = shortest.precision() - shortest.scale() - 1;
    if (exponent < -4 || exponent >= 16) {
      return scientific(shortest, exponent);
    }
    String plain = shortest.toPlainString();
    return plain.contains(".") ? plain : plain + ".0";
  }

  /** Java gives at least two digits; where one is enough, Python gives one. */
  public static BigDecimal shortest(double number) {
    BigDecimal digits = new BigDecimal(Double.toString(number)).stripTrailingZeros();
    if (digits.precision() == 2) {
      BigDecimal one = digits.round(new MathContext(1));
      if (one.doubleValue() == number) {
        return one;
      }
    }
    return digits;
  }

  private static String scientific(BigDecimal number, int exponent) {
    String digits = number.unscaledValue().abs().toString();
    String fraction = digits.length() > 1 ? "." + digits.substring(1) : "";
    return (number.signum() < 0 ? "-" : "") + digits.charAt(0) + fraction + exponent(exponent);
  }

  /** An exponent as Python writes it: with its sign and at least two digits. */
  public static String exponent(int exponent) {
    return "e" + (exponent < 0 ? "-" : "+") + (Math.abs(exponent) < 10 ? "0" : "") + Math.abs(exponent);
  }

  /** A number with a fixed count of digits behind its point. */
  public static String fixed(double number, int digits) {
    return (number < 0 ? "-" : "") + Reals.digits(number, 'f', digits, false);
  }

  // Arithmetic

  public static Value add(Value left, Value right) {
    return bothIntegers(left, right)
        ? bounded(integer(left).orElseThrow().add(integer(right).orElseThrow()))
        : new Float(real(left) + real(right));
  }

  public static Value subtract(Value left, Value right) {
    return bothIntegers(left, right)
        ? bounded(integer(left).orElseThrow().subtract(integer(right).orElseThrow()))
        : new Float(real(left) - real(right));
  }

  public static Value multiply(Value left, Value right) {
    return bothIntegers(left, right)
        ? bounded(integer(left).orElseThrow().multiply(integer(right).orElseThrow()))
        : new Float(real(left) * real(right));
  }

  public static Value divide(Value left, Value right) {
    requireNonZero(right, "division by zero");
    if (!bothIntegers(left, right)) {
      return new Float(real(left) / real(right));
    }
    BigInteger a = integer(left).orElseThrow();
    BigInteger b = integer(right).orElseThrow();
    double quotient = a.bitLength() <= 53 && b.bitLength() <= 53
        ? a.doubleValue() / b.doubleValue()
        : new BigDecimal(a).divide(new BigDecimal(b), new MathContext(60)).doubleValue();
    if (Double.isInfinite(quotient)) {
      throw JinjaException.overflow("integer division result too large for a float");
    }
    return new Float(quotient);
  }

  public static Value floorDivide(Value left, Value right) {
    requireNonZero(right, "integer division or modulo by zero");
    if (!bothIntegers(left, right)) {
      return new Float(floorDivide(real(left), real(right)));
    }
    BigInteger[] parts = integer(left).orElseThrow().divideAndRemainder(integer(right).orElseThrow());
    boolean below = parts[1].signum() != 0 && parts[1].signum() != integer(right).orElseThrow().signum();
    return new Int(below ? parts[0].subtract(BigInteger.ONE) : parts[0]);
  }

  public static Value modulo(Value left, Value right) {
    requireNonZero(right, "integer modulo by zero");
    if (!bothIntegers(left, right)) {
      return new Float(modulo(real(left), real(right)));
    }
    BigInteger divisor = integer(right).orElseThrow();
    BigInteger rest = integer(left).orElseThrow().remainder(divisor);
    return new Int(rest.signum() != 0 && rest.signum() != divisor.signum() ? rest.add(divisor) : rest);
  }

  /** The remainder has the sign of the divisor. */
  private static double modulo(double left, double right) {
    double rest = left % right;
    if (rest == 0) {
      return Math.copySign(0, right);
    }
    return right < 0 != rest < 0 ? rest + right : rest;
  }

  private static double floorDivide(double left, double right) {
    double rest = left % right;
    double quotient = (left - rest) / right;
    if (rest != 0 && right < 0 != rest < 0) {
      quotient -= 1;
    }
    if (quotient == 0) {
      return Math.copySign(0, left / right);
    }
    double floor = Math.floor(quotient);
    return quotient - floor > 0.5 ? floor + 1 : floor;
  }

  public static Value power(Value left, Value right) {
    if (bothIntegers(left, right) && integer(right).orElseThrow().signum() >= 0) {
      return power(integer(left).orElseThrow(), integer(right).orElseThrow());
    }
    double base = real(left);
    double exponent = real(right);
    if (base == 0 && exponent < 0) {
      throw new JinjaException("ZeroDivisionError", "0.0 cannot be raised to a negative power");
    }
    double power = base == 1 ? 1 : Math.pow(base, exponent);
    if (Double.isNaN(power) && !Double.isNaN(base) && !Double.isNaN(exponent)) {
      throw JinjaException.value("complex numbers are not supported in templates");
    }
    if (Double.isInfinite(power) && Double.isFinite(base) && Double.isFinite(exponent)) {
      throw JinjaException.overflow("(34, 'Numerical result out of range')");
    }
    return new Float(power);
  }

  private static Value power(BigInteger base, BigInteger exponent) {
    if (base.bitLength() > 1 && exponent.multiply(BigInteger.valueOf(base.bitLength()))
        .compareTo(BigInteger.valueOf(MAX_BITS)) > 0) {
      throw JinjaException.limit("an integer of more than " + MAX_BITS + " bits");
    }
    // -1, 0 and 1 repeat, so only whether a large exponent is even matters
    int times = base.bitLength() > 1 ? exponent.intValue() : exponent.signum() == 0 ? 0 : exponent.testBit(0) ? 1 : 2;
    return new Int(base.pow(times));
  }

  private static boolean bothIntegers(Value left, Value right) {
    return !(left instanceof Float) && !(right instanceof Float);
  }

  private static Int bounded(BigInteger integer) {
    if (integer.bitLength() > MAX_BITS) {
      throw JinjaException.limit("an integer of more than " + MAX_BITS + " bits");
    }
    return new Int(integer);
  }

  private static void requireNonZero(Value divisor, String message) {
    if (divisor instanceof Float number ? number.value() == 0 : integer(divisor).orElseThrow().signum() == 0) {
      throw new JinjaException("ZeroDivisionError", message);
    }
  }

  /** Compares exactly, also an int with a float; neither may be NaN. */
  public static int compare(Value left, Value right) {
    if (bothIntegers(left, right)) {
      return integer(left).orElseThrow().compareTo(integer(right).orElseThrow());
    }
    if (infinity(left) != 0 || infinity(right) != 0) {
      return Integer.compare(infinity(left), infinity(right));
    }
    return exact(left).compareTo(exact(right));
  }

  public static boolean isNan(Value value) {
    return value instanceof Float number && Double.isNaN(number.value());
  }

  private static int infinity(Value value) {
    return value instanceof Float number && Double.isInfinite(number.value()) ? (number.value() > 0 ? 1 : -1) : 0;
  }

  private static BigDecimal exact(Value value) {
    return value instanceof Float number
        ? new BigDecimal(number.value())
        : new BigDecimal(integer(value).orElseThrow());
  }

  /** Python's {@code round(number, digits)}: halves go to the even neighbour, of the exact value. */
  public static Value round(Value number, int digits) {
    if (number instanceof Float real) {
      if (!Double.isFinite(real.value()) || digits > 330) {
        return number;
      }
      double rounded = new BigDecimal(real.value()).setScale(Math.max(digits, -330), RoundingMode.HALF_EVEN)
          .doubleValue();
      return new Float(rounded == 0 ? Math.copySign(0, real.value()) : rounded);
    }
    BigInteger integer = integer(number).orElseThrow(() -> JinjaException.type(
        "type " + number.typeName() + " doesn't define __round__ method"));
    return digits >= 0 ? new Int(integer) : new Int(new BigDecimal(integer)
        .setScale(Math.max(digits, -MAX_DIGITS), RoundingMode.HALF_EVEN).toBigInteger());
  }
}
