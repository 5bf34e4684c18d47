import { describeDeaths } from './support/openstack-deaths.ts'

describeDeaths(['after-token', 'before-outcome', 'after-outcome'])
