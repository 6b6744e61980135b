export { listed } from './listed.ts';
export { createLogOutput, openLogOutput, type LogOutput } from './log-output.ts';
export { messageOf, shortMessageOf } from './message-of.ts';
