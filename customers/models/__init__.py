from customers.models.customer import Address, Customer, Identity

__all__ = ["Address", "Customer", "Identity"]
