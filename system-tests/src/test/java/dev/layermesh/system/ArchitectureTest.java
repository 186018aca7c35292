package dev.layermesh.system;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.lang.EvaluationResult;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** What each package may import. The build's dependency rules say it for modules. */
class ArchitectureTest {
  private static final String ROOT = "dev.layermesh.";
  private static final int MOST_FILES = 30; // of a package
  private static final JavaClasses HOUSE = new ClassFileImporter()
      .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
      .withImportOption(location -> !location.contains("-tests.jar"))
      .importPackages("dev.layermesh");

  private static ArchRule never(String from, String... to) {
    return noClasses().that().resideInAPackage(from).should().dependOnClassesThat().resideInAnyPackage(to);
  }

  private static ArchRule onlyIn(String library, String... homes) {
    return noClasses().that().resideOutsideOfPackages(homes).should().dependOnClassesThat().resideInAPackage(library);
  }

  static Stream<ArchRule> rules() {
    return Stream.of(
        classes().that().resideInAPackage(ROOT + "decoding..").should().onlyDependOnClassesThat()
            .resideInAnyPackage("java..", ROOT + "decoding..").as("decoding depends on the JDK alone"),
        never(ROOT + "engine..", "io.vertx..", "io.netty..", "com.hazelcast..", "io.opentelemetry..", "jcuda.."),
        never(ROOT + "engine..", ROOT + "mesh..", ROOT + "tokenizer..", ROOT + "gateway..", ROOT + "cli.."),
        never(ROOT + "mesh..", ROOT + "engine..", ROOT + "tokenizer..", ROOT + "gateway..", ROOT + "cli.."),
        never(ROOT + "tokenizer..", ROOT + "engine..", ROOT + "mesh..", ROOT + "gateway..", ROOT + "cli.."),
        never(ROOT + "gateway..", ROOT + "engine..", ROOT + "draft..", ROOT + "verify..", ROOT + "cli.."),
        never(ROOT + "draft..", ROOT + "verify..", ROOT + "gateway..", ROOT + "tokenizer..", ROOT + "cli.."),
        never(ROOT + "verify..", ROOT + "draft..", ROOT + "gateway..", ROOT + "tokenizer..", ROOT + "cli.."),
        never(ROOT + "engine.backend..", ROOT + "engine.cpu..", ROOT + "engine.lane..", ROOT + "engine.speculation.."),
        never(ROOT + "engine.cpu..", ROOT + "engine.lane..", ROOT + "engine.speculation.."),
        never(ROOT + "engine.kv..", ROOT + "engine.backend..", ROOT + "engine.cpu..", ROOT + "engine.lane.."),
        never(ROOT + "engine.packed..", ROOT + "engine.backend..", ROOT + "engine.cpu..", ROOT + "engine.kv.."),
        slices().matching("dev.layermesh.(**)").should().beFreeOfCycles(),
        onlyIn("jdk.incubator..", ROOT + "engine.cpu.kernels.."),
        onlyIn("com.hazelcast..", ROOT + "mesh.membership.."),
        onlyIn("ai.djl..", ROOT + "tokenizer.."),
        onlyIn("picocli..", ROOT + "cli", ROOT + "cli.options"),
        never(ROOT + "cli.options", ROOT + "cli", ROOT + "cli.runs"),
        never(ROOT + "cli.runs", ROOT + "cli"),
        never(ROOT + "cli.complete", ROOT + "cli", ROOT + "cli.options", ROOT + "cli.runs"),
        never(ROOT + "cli.process", ROOT + "cli", ROOT + "cli.options", ROOT + "cli.complete", ROOT + "cli.runs"),
        onlyIn("jcuda..", ROOT + "cuda.."));
  }

  @ParameterizedTest
  @MethodSource("rules")
  void shouldKeepCodeWhereItBelongs(ArchRule rule) {
    rule.allowEmptyShould(true).check(HOUSE);
  }

  @Test
  void shouldHaveSeenEveryModule() {
    List<String> packages = HOUSE.stream().map(JavaClass::getPackageName).distinct().toList();
    for (String module : List.of(
        "decoding", "engine.lane", "tokenizer", "mesh.wire", "draft", "verify", "gateway", "cli")) {
      assertThat(packages).as("packages seen").contains(ROOT + module);
    }
    assertThat(HOUSE.size()).as("classes seen").isGreaterThan(150);
  }

  /** More files than that are hard to survey. */
  @Test
  void shouldHaveNoPackageOfMoreThanThirtyFiles() {
    Map<String, Set<String>> files = HOUSE.stream().collect(Collectors.groupingBy(
        JavaClass::getPackageName,
        TreeMap::new,
        Collectors.mapping(each -> each.getSource().orElseThrow().getFileName().orElseThrow(), Collectors.toSet())));
    assertThat(files).hasSizeGreaterThan(20);
    files.values().removeIf(sources -> sources.size() <= MOST_FILES);
    assertThat(files).as("packages of more than %d files", MOST_FILES).isEmpty();
  }

  static Stream<Arguments> trespassers() {
    return Stream.of(
        Arguments.of(dev.layermesh.engine.backend.Trespasser.class, "engine.backend", "engine.cpu"),
        Arguments.of(dev.layermesh.engine.cpu.Trespasser.class, "engine.cpu", "engine.lane"),
        Arguments.of(dev.layermesh.engine.kv.Trespasser.class, "engine.kv", "engine.cpu"),
        Arguments.of(dev.layermesh.engine.packed.Trespasser.class, "engine.packed", "engine.backend"),
        Arguments.of(dev.layermesh.engine.lane.Trespasser.class, "engine", "jcuda"));
  }

  /** Each rule fires: a class that breaks it is reported with both packages. */
  @ParameterizedTest
  @MethodSource("trespassers")
  void shouldNoticeAClassThatCrossesAWall(Class<?> trespasser, String from, String to) {
    JavaClasses classes = new ClassFileImporter().importClasses(trespasser);
    assertThat(rules().map(rule -> rule.allowEmptyShould(true).evaluate(classes))
        .filter(EvaluationResult::hasViolation)
        .map(result -> result.getFailureReport().toString()))
        .anyMatch(report -> report.contains("reside in a package 'dev.layermesh." + from) && report.contains(to));
  }

  /** Two packages that need each other. */
  @Test
  void shouldNoticeACircleOfPackages() {
    JavaClasses circle = new ClassFileImporter().importClasses(
        dev.layermesh.engine.lane.Trespasser.class, dev.layermesh.engine.kv.Trespasser.class);
    assertThat(slices().matching("dev.layermesh.(**)").should().beFreeOfCycles().evaluate(circle).hasViolation())
        .isTrue();
  }

  @Test
  void shouldNoticeABrokenRule() {
    ArchRule broken = never(ROOT + "engine..", ROOT + "decoding..");
    assertThat(broken.evaluate(HOUSE).hasViolation()).isTrue();
  }
}
