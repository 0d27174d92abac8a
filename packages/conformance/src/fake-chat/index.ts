export { startFakeChat } from './start-fake-chat.js';
export type { FakeChat, FakeChatOptions, FakeChatRequest, FakeReply } from './start-fake-chat.js';
export { chatFaultSequence, seededChatFaults } from './chat-fault.js';
export type { ChatFault, ChatFaultChooser, ChatFaultPlace, SeededChatFaultOptions } from './chat-fault.js';
export type { ChatDialect, FakeCompletion, FakePrompt } from './wire-format.js';
