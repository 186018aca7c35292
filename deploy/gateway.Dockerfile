# The gateway: HTTP, SSE, WebSocket and the page; no weights. Untested: no container engine has run it, see README.md.
# Build from the repository root: docker build -f deploy/gateway.Dockerfile -t layermesh-gateway .

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
COPY --from=build /src/cli/target/lib lib
COPY --from=build /src/cli/target/layermesh.jar layermesh.jar
# Fails the build, not the start, where this JDK does not take the flags.
RUN java @bin/java.options -version
ENV XDG_CACHE_HOME=/var/cache/layermesh
VOLUME /var/cache/layermesh
USER 10001:10001
EXPOSE 8080
# Ready means a draft and a verify worker are there. The image has no curl; bash speaks enough HTTP.
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s --retries=3 CMD ["bash", "-c", \
  "exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET /health/ready HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n' >&3 && read -r _ status _ <&3 && [ \"$status\" = 200 ]"]
# Heap in proportion to the container's memory limit; the rest is for network buffers.
ENTRYPOINT ["java", "@/opt/layermesh/bin/java.options", "-XX:MaxRAMPercentage=60", "-Dlayermesh.root=/opt/layermesh", \
  "-jar", "/opt/layermesh/layermesh.jar", "gateway"]
# A node binds one address that the others reach: without --bind, that of the host name, so run it with --hostname gateway.
CMD ["--host", "0.0.0.0", "--bind", "gateway"]
