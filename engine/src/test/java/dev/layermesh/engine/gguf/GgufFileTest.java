package dev.layermesh.engine.gguf;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.layermesh.decoding.InputException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
class GgufFileTest {

  @Test
  void shouldReadWhatWasWritten() throws IOException {
    var out = new ByteArrayOutputStream();
    new GgufWriter()
        .text("general.name", "Größe")
        .integer("a.number", 7)
        .number("a.float", 0.5f)
        .flag("a.flag", true)
        .texts("some.texts", List.of("one", "", "drei"))
        .integers("some.integers", new int[] {1, -2})
        .numbers("some.floats", new float[] {1.5f})
        .tensor("matrix", GgmlType.F16, List.of(3, 5), stream -> stream.write(new byte[30]))
        .tensor("blocks", GgmlType.Q4_0, List.of(32), stream -> stream.write(new byte[] {
            1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18}))
        .writeTo(out);

    GgufFile file = GgufFile.parse(Ggufs.FILE, MemorySegment.ofArray(out.toByteArray()));

    GgufMetadata metadata = file.metadata();
    assertThat(metadata.keys()).containsExactly("general.name", "a.number", "a.float", "a.flag", "some.texts",
        "some.integers", "some.floats");
    assertThat(metadata.text("general.name")).isEqualTo("Größe");
    assertThat(metadata.integer("a.number")).isEqualTo(7);
    assertThat(metadata.optionalNumber("a.float")).hasValue(0.5);
    assertThat(metadata.optionalFlag("a.flag")).hasValue(true);
    assertThat(metadata.texts("some.texts", 3)).containsExactly("one", "", "drei");
    assertThat(metadata.integers("some.integers", 2)).containsExactly(1, -2);
    assertThat(metadata.numbers("some.floats", 1)).containsExactly(1.5f);
    assertThat(metadata.optionalText("nothing")).isEmpty();
    assertThat(file.tensors()).containsOnlyKeys("matrix", "blocks");
    assertThat(file.tensors().get("matrix").shape()).containsExactly(3L, 5L);
    assertThat(file.data(file.tensors().get("blocks")).toArray(JAVA_BYTE)).startsWith(1, 2).endsWith(17, 18);
  }

  @Test
  void shouldReadNumbersOfEveryWidth() {
    GgufMetadata metadata = Ggufs.header(0, 9)
        .string("u8").word(0).octets(200)
        .string("i8").word(1).octets(200)
        .string("u16").word(2).octets(0, 200)
        .string("i16").word(3).octets(0, 200)
        .string("u32").word(4).word(-1)
        .string("i32").word(5).word(-1)
        .string("u64").word(10).number(5)
        .string("i64").word(11).number(-5)
        .string("f64").word(12).number(Double.doubleToRawLongBits(0.1))
        .parse().metadata();

    assertThat(metadata.integer("u8")).isEqualTo(200);
    assertThat(metadata.integer("i8")).isEqualTo(-56);
    assertThat(metadata.integer("u16")).isEqualTo(51200);
    assertThat(metadata.integer("i16")).isEqualTo(-14336);
    assertThat(metadata.integer("i32")).isEqualTo(-1);
    assertThat(metadata.integer("u64")).isEqualTo(5);
    assertThat(metadata.integer("i64")).isEqualTo(-5);
    assertThat(metadata.optionalNumber("f64")).hasValue(0.1);
    assertThat(metadata.optionalNumber("u32")).hasValue(4294967295.0);
    assertRefused(() -> metadata.integer("u32"), "u32=4294967295: must be a whole number of at most 31 bits");
    assertRefused(() -> metadata.integer("f64"), "f64=0.1: must be a whole number");
    assertRefused(() -> metadata.text("u8"), "u8=200: must be a string");
    assertRefused(() -> metadata.optionalFlag("u8"), "u8=200: must be a truth value, 0 or 1");
    assertRefused(() -> metadata.texts("u8", 9), "u8=200: must be a list of strings");
    assertRefused(() -> metadata.integer("absent"), "absent=absent: must be a whole number");
  }

  @Test
  void shouldRefuseAListWhereAValueBelongsAndMoreThanIsAskedFor() {
    GgufMetadata metadata = Ggufs.header(0, 3)
        .string("bytes").word(9).word(0).number(3).octets(1, 2, 3)
        .string("nested").word(9).word(9).number(1).word(8).number(1).string("x")
        .string("latin").word(8).number(2).octets('a', 0xe4)
        .parse().metadata();

    assertThat(metadata.integers("bytes", 3)).containsExactly(1, 2, 3);
    assertRefused(() -> metadata.integer("bytes"), "bytes=a list of 3 UINT8: must be one value, not a list");
    assertRefused(() -> metadata.integers("bytes", 2), "bytes.length=3: must be at most 2");
    assertRefused(() -> metadata.texts("nested", 9), "nested=a list of 1 ARRAY: must be a list of strings");
    assertRefused(() -> metadata.text("latin"), "latin=a\uFFFD: is not UTF-8");
  }

  @Test
  void shouldRefuseOtherFilesAndVersions() {
    assertRefused(() -> new Ggufs().parse(), "file size=0: ends within magic");
    assertRefused(() -> new Ggufs().octets('P', 'K', 3, 4).parse(),
        "magic=0x504b0304: must be 0x47475546, \"GGUF\": this is another kind of file");
    for (int version : new int[] {1, 4}) {
      assertRefused(() -> new Ggufs().word(GgufFile.MAGIC).word(version).parse(), "version=" + version
          + ": must be 2 or 3: convert the model again with llama.cpp's convert_hf_to_gguf.py");
    }
    assertRefused(() -> new Ggufs().word(GgufFile.MAGIC).word(3 << 24).parse(),
        "version=50331648: is 3 in big-endian order: convert it with gguf-convert-endian FILE little of the Python "
            + "package gguf");
    assertRefused(() -> new Ggufs().word(GgufFile.MAGIC).word(3).parse(), "file size=8: ends within tensor_count");
  }

  @Test
  void shouldNotBelieveCounts() {
    assertRefused(() -> Ggufs.header(-1, 0).parse(),
        "tensor_count=18446744073709551615: must be at most 131072");
    assertRefused(() -> Ggufs.header(1 << 20, 0).parse(), "tensor_count=1048576: must be at most 131072");
    assertRefused(() -> Ggufs.header(0, Long.MAX_VALUE).parse(),
        "metadata_kv_count=9223372036854775807: must be at most 65536");
    assertRefused(() -> Ggufs.header(0, 2).key("a", 1).parse(), "file size=41: ends within metadata[1].key.length");
    assertRefused(() -> Ggufs.header(2, 0).tensor("a", 8, 0).parse(),
        "file size=57: ends within tensors[1].name.length");
  }

  @ParameterizedTest
  @CsvSource({
      "0, 'metadata[0].key.length=0: must be between 1 and 65535'",
      "65536, 'metadata[0].key.length=65536: must be between 1 and 65535'",
      "-1, 'metadata[0].key.length=18446744073709551615: must be between 1 and 65535'",
      "100, 'file size=40: ends within metadata[0].key'"})
  void shouldNotBelieveLengthsOfKeys(long length, String message) {
    assertRefused(() -> Ggufs.header(0, 1).number(length).number(0).parse(), message);
  }

  @ParameterizedTest
  @ValueSource(longs = {-1, Long.MAX_VALUE, 1L << 40, 9})
  void shouldNotBelieveLengthsOfStringsAndLists(long length) {
    String unsigned = Long.toUnsignedString(length);
    assertRefused(() -> Ggufs.header(0, 1).string("name").word(8).number(length).number(0).parse(),
        "name.length=" + unsigned + ": must be at most 8");
    assertRefused(() -> Ggufs.header(0, 1).string("list").word(9).word(0).number(length).number(0).parse(),
        "list.length=" + unsigned + ": must be at most 8");
    assertRefused(() -> Ggufs.header(0, 1).string("list").word(9).word(10).number(length).number(0).parse(),
        "list.length=" + unsigned + ": must be at most 1");
  }

  @Test
  void shouldRefuseUnknownTypesAndKeysThatAreThereTwice() {
    assertRefused(() -> Ggufs.header(0, 1).string("a").word(13).word(0).parse(),
        "a.type=13: must be a type of metadata, 0 to 12");
    assertRefused(() -> Ggufs.header(0, 1).string("a").word(9).word(-1).number(0).parse(),
        "a.element type=4294967295: must be a type of metadata, 0 to 12");
    assertRefused(() -> Ggufs.header(0, 2).key("a", 1).key("a", 1).parse(), "metadata[1].key=a: appears twice");
    Ggufs deep = Ggufs.header(0, 1).string("deep").word(9);
    for (int i = 0; i < 5000; i++) {
      deep.word(9).number(1);
    }
    assertRefused(deep::parse, "deep=arrays in arrays: must not be deeper than 4");
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 4, 12, 1 << 21, -32})
  void shouldRefuseInvalidAlignments(int alignment) {
    assertThatThrownBy(() -> Ggufs.header(0, 1).key("general.alignment", alignment).parse())
        .isInstanceOf(InputException.class)
        .hasMessageStartingWith(
            "model.gguf: general.alignment=" + Integer.toUnsignedString(alignment) + ": must be a ");
  }

  @Test
  void shouldHonourAnotherAlignment() {
    GgufFile file = Ggufs.header(2, 1).key("general.alignment", 64)
        .tensor("a", 1, 0).tensor("b", 1, 64).data(128).parse();
    assertThat(file.tensors().get("b").begin() - file.tensors().get("a").begin()).isEqualTo(64);
    assertRefused(() -> Ggufs.header(2, 1).key("general.alignment", 64)
        .tensor("a", 1, 0).tensor("b", 1, 32).data(192).parse(),
        "b.offset=32: must be a multiple of the alignment, 64");
  }

  @Test
  void shouldRefuseInvalidTensors() {
    assertRefused(() -> Ggufs.header(1, 0).string("a").word(0).data(64).parse(),
        "a.n_dims=0: must be between 1 and 4");
    assertRefused(() -> Ggufs.header(1, 0).string("a").word(5).data(64).parse(),
        "a.n_dims=5: must be between 1 and 4");
    assertRefused(() -> Ggufs.header(1, 0).tensor("a".repeat(65), 1, 0).parse(),
        "tensors[0].name.length=65: must be between 1 and 64");
    assertRefused(() -> Ggufs.header(1, 0).tensor("a", 0, 0).data(64).parse(),
        "a.dims[0]=0: must be between 1 and 2^63 - 1");
    assertRefused(() -> Ggufs.header(1, 0).tensor("a", -1, 0).data(64).parse(),
        "a.dims[0]=18446744073709551615: must be between 1 and 2^63 - 1");
    assertRefused(() -> Ggufs.header(1, 0).tensor("a", Long.MAX_VALUE, 0).data(64).parse(),
        "a.dims=[9223372036854775807]: have more weights than any file");
    assertRefused(() -> Ggufs.header(1, 0).string("a").word(1).number(32).word(4).number(0).data(64).parse(),
        "a.type=4: is no type of tensors");
    assertRefused(() -> Ggufs.header(1, 0).string("a").word(1).number(48).word(2).number(0).data(64).parse(),
        "a.dims[0]=48: must be a multiple of 32, the weights of a block of Q4_0");
    assertRefused(() -> Ggufs.header(2, 0).tensor("a", 8, 0).tensor("a", 8, 32).data(64).parse(),
        "tensors.name=a: appears twice");
  }

  @Test
  void shouldRefuseTensorsThatOverlapOrLeaveHolesOrEndBehindTheFile() {
    assertThat(Ggufs.header(2, 0).tensor("a", 9, 0).tensor("b", 8, 64).data(96).parse().tensors()).hasSize(2);
    assertRefused(() -> Ggufs.header(2, 0).tensor("a", 9, 0).tensor("b", 8, 32).data(96).parse(),
        "b.offset=32: overlaps the tensor before it: must be 64");
    assertRefused(() -> Ggufs.header(2, 0).tensor("a", 9, 0).tensor("b", 8, 96).data(128).parse(),
        "b.offset=96: leaves a hole before it: must be 64");
    assertRefused(() -> Ggufs.header(2, 0).tensor("a", 9, 0).tensor("b", 8, 65).data(96).parse(),
        "b.offset=65: must be a multiple of the alignment, 32");
    assertRefused(() -> Ggufs.header(2, 0).tensor("a", 9, 0).tensor("b", 8, 64).data(95).parse(),
        "b.offset=64: its 32 bytes end behind the file, which has 95 bytes of data");
    assertRefused(() -> Ggufs.header(1, 0).tensor("a", 1L << 40, 0).data(95).parse(),
        "a.offset=0: its 4398046511104 bytes end behind the file, which has 95 bytes of data");
  }

  @Test
  void shouldNotReadWhatFollowsTheLastTensor() {
    GgufFile file = Ggufs.header(1, 0).tensor("a", 9, 0).data(36 + 1000).parse();
    assertThat(file.data(file.tensors().get("a")).byteSize()).isEqualTo(36);
  }

  @Test
  void shouldReadVersion2() {
    GgufFile file = new Ggufs().word(GgufFile.MAGIC).word(2).number(1).number(1)
        .key("a", 7).tensor("b", 8, 0).data(32).parse();
    assertThat(file.metadata().integer("a")).isEqualTo(7);
    assertThat(file.tensors()).containsOnlyKeys("b");
  }

  private static void assertRefused(ThrowingCallable call, String message) {
    assertThatThrownBy(call).isInstanceOf(InputException.class).hasMessage("model.gguf: " + message);
  }
}
