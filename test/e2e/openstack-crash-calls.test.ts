import { describeDeaths } from './support/openstack-deaths.ts'

describeDeaths(['before-intent', 'after-intent', 'after-call'])
