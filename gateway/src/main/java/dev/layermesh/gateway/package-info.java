/**
 * The client's side of the mesh: HTTP, server-sent events, WebSocket and the page. Holds no weights and runs no layer.
 * Reading order: {@link dev.layermesh.gateway.Gateway}, {@code Endpoints}, {@code Turn}, {@code SessionSupervisor}.
 */
package dev.layermesh.gateway;
