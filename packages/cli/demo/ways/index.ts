/** The ways by which devices come online, each shown end to end on real parts. */
export { showWay } from './show.ts'
export { WAYS } from './ways.ts'
