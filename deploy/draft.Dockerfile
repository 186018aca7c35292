# A draft worker: the first layers of a model. Untested: no container engine has run it, see README.md.
# Build from the repository root: docker build -f deploy/draft.Dockerfile -t layermesh-draft .

# The same in every role's file, so that it is built once.
FROM docker.io/library/maven:3.9-eclipse-temurin-25 AS build
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/root/.m2 mvn --batch-mode -Dmaven.test.skip=true -pl cli -am package

# The JDK and not the JRE: bin/java.options names modules that a JRE may lack.
FROM docker.io/library/eclipse-temurin:25-jdk
WORKDIR /opt/layermesh
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin layermesh \
  && install -d -o layermesh -g layermesh /var/cache/layermesh
COPY bin/java.options bin/java.options
# The bundled model, used unless --model names another one, say below /models.
COPY models models
COPY --from=build /src/cli/target/lib lib
COPY --from=build /src/cli/target/layermesh.jar layermesh.jar
# Fails the build, not the start, where this JDK does not take the flags.
RUN java @bin/java.options -version
ENV XDG_CACHE_HOME=/var/cache/layermesh
VOLUME /var/cache/layermesh
USER 10001:10001
# Heap in proportion to the container's memory limit; the rest is for mapped weights and network buffers.
ENTRYPOINT ["java", "@/opt/layermesh/bin/java.options", "-XX:MaxRAMPercentage=60", "-Dlayermesh.root=/opt/layermesh", \
  "-jar", "/opt/layermesh/layermesh.jar", "draft"]
# A node binds one address that the others reach: without --bind, that of the host name, so run it with --hostname draft.
CMD ["--bind", "draft"]
