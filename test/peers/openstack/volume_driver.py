"""A volume backend that keeps the books and no bytes."""
from cinder.volume import driver


class Driver(driver.VolumeDriver):
    VERSION = '1'

    def do_setup(self, context):
        pass

    def check_for_setup_error(self):
        pass

    def get_volume_stats(self, refresh=False):
        return {
            'volume_backend_name': 'books', 'vendor_name': 'pcg', 'driver_version': self.VERSION,
            'storage_protocol': 'fake', 'total_capacity_gb': 1_000_000, 'free_capacity_gb': 1_000_000,
            'allocated_capacity_gb': 0, 'reserved_percentage': 0, 'multiattach': True, 'QoS_support': False,
        }

    def clone_image(self, context, volume, image_location, image_meta, image_service):
        # "Cloned": cinder then doesn't download the image to write it to a device.
        return {}, True

    def create_volume(self, volume):
        pass

    def create_cloned_volume(self, volume, source):
        pass

    def create_volume_from_snapshot(self, volume, snapshot):
        pass

    def delete_volume(self, volume):
        pass

    def extend_volume(self, volume, size):
        pass

    def create_snapshot(self, snapshot):
        pass

    def delete_snapshot(self, snapshot):
        pass

    def ensure_export(self, context, volume):
        pass

    def create_export(self, context, volume, connector):
        pass

    def remove_export(self, context, volume):
        pass

    def initialize_connection(self, volume, connector):
        return {'driver_volume_type': 'fake', 'data': {'volume_id': volume.id}}

    def terminate_connection(self, volume, connector, **kwargs):
        pass
