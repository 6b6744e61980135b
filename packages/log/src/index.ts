export { listed } from './listed.ts';
export { createLogOutput, openLogOutput, type LogOutput } from './log-output.ts';
export { openLog } from './open-log.ts';
export { messageOf, shortMessageOf } from './message-of.ts';
