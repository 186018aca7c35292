package dev.layermesh.tokenizer.jinja.python;

import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;

/** Spells finite floats with a given number of digits: the conversions f, e and g of C. */
final class Reals {
  private static final int MAX_PRECISION = 1000;

  private Reals() {}

  /**
   * The digits of a number without its sign.
   *
   * @param conversion f, e or g, of either case
   * @param alternate whether to keep the point and trailing zeros that g removes
   */
  static String digits(double number, char conversion, int precision, boolean alternate) {
    if (!Double.isFinite(number)) {
      String name = Double.isNaN(number) ? "nan" : "inf";
      return Character.isUpperCase(conversion) ? name.toUpperCase() : name;
    }
    if (precision > MAX_PRECISION) {
      throw JinjaException.limit("a precision of " + precision + "; at most " + MAX_PRECISION);
    }
    BigDecimal exact = new BigDecimal(Math.abs(number));
    String digits = switch (Character.toLowerCase(conversion)) {
      case 'f' -> fixed(exact, precision);
      case 'e' -> scientific(exact, precision);
      default -> general(exact, Math.max(1, precision), alternate);
    };
    if (alternate && digits.indexOf('.') < 0) {
      int end = digits.indexOf('e') < 0 ? digits.length() : digits.indexOf('e');
      digits = digits.substring(0, end) + "." + digits.substring(end);
    }
    return Character.isUpperCase(conversion) ? digits.toUpperCase() : digits;
  }

  private static String fixed(BigDecimal number, int precision) {
    return number.setScale(precision, RoundingMode.HALF_EVEN).toPlainString();
  }

  private static String scientific(BigDecimal number, int precision) {
    BigDecimal rounded = rounded(number, precision + 1);
    StringBuilder digits = new StringBuilder(rounded.unscaledValue().toString());
    while (digits.length() < precision + 1) {
      digits.append('0');
    }
    digits.setLength(precision + 1);
    if (precision > 0) {
      digits.insert(1, '.');
    }
    return digits + Numbers.exponent(exponent(rounded));
  }

  private static String general(BigDecimal number, int precision, boolean alternate) {
    int exponent = exponent(rounded(number, precision));
    boolean plain = exponent >= -4 && exponent < precision;
    String digits = plain ? fixed(number, precision - 1 - exponent) : scientific(number, precision - 1);
    return alternate ? digits : withoutTrailingZeros(digits);
  }

  private static String withoutTrailingZeros(String digits) {
    int end = digits.indexOf('e') < 0 ? digits.length() : digits.indexOf('e');
    String mantissa = digits.substring(0, end);
    return (mantissa.indexOf('.') < 0 ? mantissa : mantissa.replaceAll("\\.?0+$", "")) + digits.substring(end);
  }

  private static BigDecimal rounded(BigDecimal number, int digits) {
    return number.round(new MathContext(digits, RoundingMode.HALF_EVEN));
  }

  private static int exponent(BigDecimal number) {
    return number.signum() == 0 ? 0 : number.precision() - number.scale() - 1;
  }
}
