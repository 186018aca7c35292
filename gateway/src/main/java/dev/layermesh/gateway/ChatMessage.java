package dev.layermesh.gateway;

/**
 * One message of a conversation.
 *
 * @param role system, user, assistant, or what else the model's template knows
 * @param content text
 */
public record ChatMessage(String role, String content) {}
