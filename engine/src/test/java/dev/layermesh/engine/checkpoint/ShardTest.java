package dev.layermesh.engine.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.layermesh.decoding.InputException;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
class ShardTest {
  private static final Path FILE = Path.of("m.safetensors");
  private static final int DATA = 24;

  @Test
  void shouldFindTensorsOfAllKindsWhereTheHeaderPutsThem() {
    String header = "{\"__metadata__\":{\"format\":\"pt\"},"
        + "\"b\":{\"dtype\":\"BF16\",\"shape\":[2,3],\"data_offsets\":[8,20]},"
        + "\"none\":{\"dtype\":\"F64\",\"shape\":[0,9],\"data_offsets\":[8,8]},"
        + "\"scalar\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[20,24]},"
        + "\"a\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[0,8]}}   ";
    Shard shard = parse(Safetensors.file(header, DATA));

    assertThat(shard.extents()).containsOnlyKeys("a", "b", "none", "scalar");
    assertThat(shard.data(shard.extents().get("b")).byteSize()).isEqualTo(12);
    assertThat(shard.extents().get("a").begin()).isEqualTo(8 + header.length());
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
      {"dtype":"F32","shape":[6],"data_offsets":[0,24],"dtype":"F16"} | \
          not valid JSON at line 1, column 62: Duplicate field 'dtype'
      {"dtype":"F32","shape":[NaN],"data_offsets":[0,24]} | \
          not valid JSON at line 1, column 33: Non-standard token 'NaN'
      7                                                     | t=7: must be an object
      {"shape":[6],"data_offsets":[0,24]}                   | t.dtype=absent: must be a string
      {"dtype":"Q4_0","shape":[6],"data_offsets":[0,24]}    | t.dtype="Q4_0": is no dtype of safetensors
      {"dtype":"F32","data_offsets":[0,24]}                 | t.shape=absent: must be a list of non-negative integers
      {"dtype":"F32","shape":6,"data_offsets":[0,24]}       | t.shape=6: must be a list of non-negative integers
      {"dtype":"F32","shape":[-6],"data_offsets":[0,24]}    | t.shape=[-6]: must be a list of non-negative integers
      {"dtype":"F32","shape":[6.0],"data_offsets":[0,24]}   | t.shape=[6.0]: must be a list of non-negative integers
      {"dtype":"F32","shape":["6"],"data_offsets":[0,24]}   | t.shape=["6"]: must be a list of non-negative integers
      {"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,24]} | \
          t.shape=[99999999999999999999]: must be a list of non-negative integers
      {"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,24]} | \
          t.shape=[4294967296,4294967296]: has more elements than any file
      {"dtype":"F32","shape":[6]} | \
          t.data_offsets=absent: must be a list of non-negative integers
      {"dtype":"F32","shape":[6],"data_offsets":[0]} | \
          t.data_offsets=[0]: must be [begin, end] within the 24 bytes of data that the file has
      {"dtype":"F32","shape":[6],"data_offsets":[24,0]} | \
          t.data_offsets=[24,0]: must be [begin, end] within the 24 bytes of data that the file has
      {"dtype":"F32","shape":[7],"data_offsets":[0,28]} | \
          t.data_offsets=[0,28]: must be [begin, end] within the 24 bytes of data that the file has
      {"dtype":"F32","shape":[5],"data_offsets":[0,24]}     | t.data_offsets=[0,24]: hold 24 bytes, but F32 [5] takes 20
      {"dtype":"F32","shape":[5],"data_offsets":[4,24]} | \
          t.data_offsets=[4, 24]: leaves a hole before it: must begin at 0
      {"dtype":"F32","shape":[6],"data_offsets":[0,24]},"u":{"dtype":"F32","shape":[1],"data_offsets":[20,24]} | \
          u.data_offsets=[20, 24]: overlaps the tensor before it: must begin at 24
      {"dtype":"F32","shape":[2],"data_offsets":[0,8]},"u":{"dtype":"F32","shape":[3],"data_offsets":[12,24]} | \
          u.data_offsets=[12, 24]: leaves a hole before it: must begin at 8
      {"dtype":"F32","shape":[6],"data_offsets":[0,24]}} x  | not valid JSON at line 1, column
      """)
  void shouldRefuseAHeaderThatLies(String tensor, String message) {
    assertRefused(Safetensors.file("{\"t\":" + tensor + "}", DATA), message);
  }

  @Test
  void shouldRefuseDataThatNoTensorOwns() {
    byte[] file = Safetensors.file("{\"t\":{\"dtype\":\"F32\",\"shape\":[5],\"data_offsets\":[0,20]}}", DATA);
    assertRefused(file, "file size=" + file.length + ": its tensors end at byte " + (file.length - 4));
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 7})
  void shouldRefuseAFileTooShortForItsLength(int bytes) {
    assertRefused(new byte[bytes], "file size=" + bytes + ": a safetensors file has at least 8 bytes");
  }

  @ParameterizedTest
  @CsvSource({"0, 0", "93, 93", "9223372036854775807, 9223372036854775807", "-1, 18446744073709551615"})
  void shouldRefuseAHeaderLengthOutsideTheFile(long length, String shown) {
    byte[] file = ByteBuffer.allocate(100).order(ByteOrder.LITTLE_ENDIAN).putLong(length).array();
    assertRefused(file, "header length=" + shown + ": must be between 1 and 92 in a file of 100 bytes");
  }

  @Test
  void shouldRefuseAHeaderLongerThanTheFormatAllows(@TempDir Path temp) throws IOException {
    Path sparse = temp.resolve("model.safetensors");
    try (RandomAccessFile file = new RandomAccessFile(sparse.toFile(), "rw"); Arena arena = Arena.ofConfined()) {
      file.setLength(300_000_000);
      file.write(ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(100_000_001).array());
      assertThatThrownBy(() -> Shard.map(sparse, arena))
          .isInstanceOf(InputException.class)
          .hasMessage(sparse
              + ": header length=100000001: must be between 1 and 100000000 in a file of 300000000 bytes");
    }
  }

  @Test
  void shouldRefuseAHeaderThatIsNoJsonOrNoUtf8() {
    assertRefused(Safetensors.file("hello", 0), "not valid JSON at line 1, column");
    assertRefused(Safetensors.file("[1]", 0), "must hold a JSON object");
    assertRefused(Safetensors.file(new byte[] {'{', '"', (byte) 0xC3, '(', '"', ':', '1', '}'}, new byte[0]),
        "its JSON is not UTF-8");
    assertRefused(Safetensors.file("{}".getBytes(StandardCharsets.UTF_16LE), new byte[0]), "not valid JSON at line 1");
    assertRefused(Safetensors.file("[".repeat(100_000), 0), "not valid JSON");
  }

  @Test
  void shouldKeepTheMessageOnOneLineWhateverATensorIsCalled() {
    assertThatThrownBy(() -> parse(Safetensors.file("{\"a\\nb\\u2028c\":1}", 0)))
        .isInstanceOf(InputException.class)
        .hasMessage(FILE + ": a b c=1: must be an object");
  }

  private static void assertRefused(byte[] file, String message) {
    assertThatThrownBy(() -> parse(file))
        .isInstanceOf(InputException.class)
        .hasMessageStartingWith(FILE + ": " + message);
  }

  private static Shard parse(byte[] file) {
    return Shard.parse(FILE, MemorySegment.ofArray(file));
  }
}
