/**
 * The client's side of the mesh: HTTP, server-sent events, WebSocket and the page. Holds no weights and runs no layer.
 * This package composes the others: {@code api} speaks the protocols of OpenAI, {@code turn} runs one generation for
 * one client, {@code mesh} finds the model and runs generations on draft workers. Reading order:
 * {@link dev.layermesh.gateway.Gateway}, {@code Endpoints}, {@code Turn}, {@code SessionSupervisor}.
 */
package dev.layermesh.gateway;
