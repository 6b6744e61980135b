export { createLogOutput, openLogOutput, type LogOutput } from './log-output.ts';
